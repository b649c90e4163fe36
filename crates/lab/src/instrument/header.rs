//! SCPI headers: `MEASure[:SCALar]:VOLTage[:DC]?` stands for its short and long forms, with and
//! without the nodes in brackets (SCPI-99 volume 1, chapter 6).

/// Whether a header as it was sent is one of the forms of `pattern`.
pub(crate) fn matches(pattern: &str, sent: &str) -> bool {
    let (Some(pattern), Some(sent)) = (pattern.strip_suffix('?'), sent.strip_suffix('?')) else {
        return !pattern.ends_with('?') && !sent.ends_with('?') && nodes_match(pattern, sent);
    };
    nodes_match(pattern, sent)
}

fn nodes_match(pattern: &str, sent: &str) -> bool {
    let sent = sent.trim_start_matches(':').to_ascii_uppercase();
    let sent: Vec<&str> = sent.split(':').collect();
    fits(&nodes(pattern), &sent)
}

struct Node<'a> {
    text: &'a str,
    optional: bool,
}

fn nodes(pattern: &str) -> Vec<Node<'_>> {
    // `A[:B]:C` and `[A:]B` become `A`, `[B]`, `C` once brackets and colons are split apart.
    let mut nodes = Vec::new();
    let mut optional = false;
    for part in pattern.split_inclusive([':', '[', ']']) {
        let text = part.trim_end_matches([':', '[', ']']);
        if !text.is_empty() {
            nodes.push(Node { text, optional });
        }
        match part.chars().last() {
            Some('[') => optional = true,
            Some(']') => optional = false,
            _ => {}
        }
    }
    nodes
}

fn fits(pattern: &[Node<'_>], sent: &[&str]) -> bool {
    match (pattern.split_first(), sent.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((node, rest)), first) => {
            let here =
                first.is_some_and(|(word, others)| same(node.text, word) && fits(rest, others));
            here || (node.optional && fits(rest, sent))
        }
    }
}

/// The short form is written in capitals; nothing between short and long is allowed.
fn same(node: &str, word: &str) -> bool {
    let short: String = node
        .chars()
        .filter(|letter| !letter.is_ascii_lowercase())
        .collect();
    word == short || word == node.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_its_short_and_long_forms() {
        let pattern = "MEASure[:SCALar]:VOLTage[:DC]?";

        for sent in ["MEAS:VOLT?", ":measure:voltage:dc?", "MEAS:SCAL:VOLT:DC?"] {
            assert!(matches(pattern, sent), "{sent}");
        }
        for sent in [
            "MEAS:VOLT",
            "MEASU:VOLT?",
            "MEAS:CURR?",
            "VOLT?",
            "MEAS:VOLT:DC:X?",
        ] {
            assert!(!matches(pattern, sent), "{sent}");
        }
    }

    #[test]
    fn a_leading_optional_node_may_be_left_out() {
        assert!(matches("[SOURce:]VOLTage", "VOLT"));
        assert!(matches("[SOURce:]VOLTage", "source:volt"));
        assert!(matches("*IDN?", "*idn?"));
    }
}
