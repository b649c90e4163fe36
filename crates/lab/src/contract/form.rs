//! Query strings and form bodies, read strictly.

use percent_encoding::percent_decode_str;

/// The pairs of `application/x-www-form-urlencoded` text; `None` where it is not valid UTF-8.
pub(crate) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// One segment of a path, decoded; `None` where it is not valid UTF-8.
pub(crate) fn decode_segment(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn decode(text: &str) -> Option<String> {
    decode_segment(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_their_order() {
        let read = pairs("command=ls&command=-l&text=a+b%26%C3%BC&flag").unwrap();

        let read: Vec<(&str, &str)> = read.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(
            read,
            [
                ("command", "ls"),
                ("command", "-l"),
                ("text", "a b&ü"),
                ("flag", "")
            ]
        );
        assert_eq!(pairs("a=%ff"), None);
    }
}
