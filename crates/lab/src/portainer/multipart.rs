//! Bodies of `multipart/form-data`, whose parts are all text here.

/// The parts by name; `None` where it is no such body.
pub(super) fn read(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let parameters = content_type.strip_prefix("multipart/form-data;")?;
    let boundary = parameters
        .split(';')
        .find_map(|one| one.trim().strip_prefix("boundary="))?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let text = std::str::from_utf8(body).ok()?;
    let mut pieces = text.split(boundary.as_str()).skip(1);
    let mut parts = Vec::new();
    loop {
        let piece = pieces.next()?;
        if piece.starts_with("--") {
            return Some(parts);
        }
        let (head, value) = piece.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        let name = head
            .lines()
            .filter(|line| {
                line.to_ascii_lowercase()
                    .starts_with("content-disposition: form-data")
            })
            .find_map(|line| {
                let rest = line
                    .split(';')
                    .find_map(|one| one.trim().strip_prefix("name="))?;
                Some(rest.trim_matches('"').to_owned())
            })?;
        parts.push((name, value.strip_suffix("\r\n")?.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_in_their_order() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"Name\"\r\n\r\nlab\r\n--x\r\nContent-Disposition: form-data; name=\"URL\"\r\nContent-Type: text/plain\r\n\r\ntcp://h:9001\r\n--x--\r\n";

        let parts = read("multipart/form-data; boundary=x", body.as_bytes()).unwrap();

        assert_eq!(parts[0], ("Name".to_owned(), "lab".to_owned()));
        assert_eq!(parts[1].1, "tcp://h:9001");
        assert_eq!(
            read("multipart/form-data; boundary=y", body.as_bytes()),
            None
        );
        assert_eq!(read("application/json", b"{}"), None);
    }
}
