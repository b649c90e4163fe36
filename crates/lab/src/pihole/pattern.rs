//! Regular expressions, as far as rules for domains use them: `^ $ . * + ? | ( ) [ ]` and escapes.

/// What is wrong with a pattern, in the words of the library that FTL uses.
pub(super) fn trouble(pattern: &str) -> Option<String> {
    // Options of FTL's own follow a semicolon.
    let pattern = pattern.split(';').next().unwrap_or_default();
    let mut parser = Parser {
        rest: pattern.chars().collect(),
        at: 0,
    };
    match parser.alternatives() {
        Err(wrong) => Some(wrong.to_owned()),
        Ok(_) if parser.at < parser.rest.len() => Some("Unmatched ( or )".to_owned()),
        Ok(_) => None,
    }
}

/// Whether a pattern that has nothing wrong fits somewhere in a domain.
pub(super) fn fits(pattern: &str, domain: &str) -> bool {
    let mut parts = pattern.split(';');
    let mut parser = Parser {
        rest: parts.next().unwrap_or_default().chars().collect(),
        at: 0,
    };
    let inverted = parts.any(|option| option == "invert");
    let Ok(node) = parser.alternatives() else {
        return false;
    };
    let text: Vec<char> = domain.to_lowercase().chars().collect();
    let found = (0..=text.len()).any(|start| !node.ends(&text, start).is_empty());
    found != inverted
}

enum Node {
    Start,
    End,
    Any,
    One(char),
    /// Characters, and whether all others are meant.
    Set(Vec<(char, char)>, bool),
    Either(Vec<Node>),
    Row(Vec<Node>),
    /// At least so often, and whether more than once is right.
    Repeat(Box<Node>, usize, bool),
}

struct Parser {
    rest: Vec<char>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.get(self.at).copied();
        self.at += usize::from(next.is_some());
        next
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn alternatives(&mut self) -> Result<Node, &'static str> {
        let mut all = vec![self.row()?];
        while self.peek() == Some('|') {
            self.at += 1;
            all.push(self.row()?);
        }
        Ok(Node::Either(all))
    }

    fn row(&mut self) -> Result<Node, &'static str> {
        let mut row = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            self.at += 1;
            let mut node = self.one(next)?;
            while let Some(sign @ ('*' | '+' | '?')) = self.peek() {
                self.at += 1;
                node = Node::Repeat(Box::new(node), usize::from(sign == '+'), sign != '?');
            }
            row.push(node);
        }
        Ok(Node::Row(row))
    }

    fn one(&mut self, next: char) -> Result<Node, &'static str> {
        Ok(match next {
            '^' => Node::Start,
            '$' => Node::End,
            '.' => Node::Any,
            '*' | '+' | '?' => return Err("Invalid use of repetition operators"),
            '(' => {
                let inside = self.alternatives()?;
                if self.next() != Some(')') {
                    return Err("Unmatched ( or )");
                }
                inside
            }
            '[' => self.set()?,
            '\\' => Node::One(self.next().ok_or("Trailing backslash")?),
            other => Node::One(other.to_ascii_lowercase()),
        })
    }

    fn set(&mut self) -> Result<Node, &'static str> {
        let others = self.peek() == Some('^');
        self.at += usize::from(others);
        let mut ranges = Vec::new();
        loop {
            let from = self.next().ok_or("Missing ']'")?;
            if from == ']' && !ranges.is_empty() {
                return Ok(Node::Set(ranges, others));
            }
            if self.peek() == Some('-') && self.rest.get(self.at + 1) != Some(&']') {
                self.at += 1;
                ranges.push((from, self.next().ok_or("Missing ']'")?));
            } else {
                ranges.push((from, from));
            }
        }
    }
}

impl Node {
    /// Where it may end if it begins here.
    fn ends(&self, text: &[char], at: usize) -> Vec<usize> {
        let here = |fits: bool, after: usize| if fits { vec![after] } else { Vec::new() };
        match self {
            Self::Start => here(at == 0, at),
            Self::End => here(at == text.len(), at),
            Self::Any => here(at < text.len(), at + 1),
            Self::One(one) => here(text.get(at) == Some(one), at + 1),
            Self::Set(ranges, others) => {
                let fits = text.get(at).is_some_and(|letter| {
                    let inside = |(from, to): &(char, char)| (from..=to).contains(&letter);
                    ranges.iter().any(inside) != *others
                });
                here(fits, at + 1)
            }
            Self::Either(all) => all.iter().flat_map(|one| one.ends(text, at)).collect(),
            Self::Row(row) => row.iter().fold(vec![at], |places, node| {
                let mut ends: Vec<usize> = places
                    .into_iter()
                    .flat_map(|place| node.ends(text, place))
                    .collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }),
            Self::Repeat(node, least, more) => {
                let mut ends = if *least == 0 { vec![at] } else { Vec::new() };
                let mut open = node.ends(text, at);
                while let Some(end) = open.pop() {
                    if ends.contains(&end) {
                        continue;
                    }
                    ends.push(end);
                    if *more {
                        open.extend(node.ends(text, end));
                    }
                }
                ends
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_those_of_the_product() {
        let cases = [
            (r"(\.|^)ads\.example$", "ads.example", true),
            (r"(\.|^)ads\.example$", "x.ads.example", true),
            (r"(\.|^)ads\.example$", "xads.example", false),
            ("^ad[sv]?[0-9]*[_.-]", "adv42.example", true),
            ("^ad[sv]?[0-9]*[_.-]", "admin.example", false),
            ("track(er|ing)+", "my.TRACKINGER.example", true),
            ("[^a-z.]", "abc.example", false),
            ("^good$;invert", "bad", true),
            (".*", "", true),
        ];

        for (pattern, domain, expected) in cases {
            assert_eq!(fits(pattern, domain), expected, "{pattern} {domain}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        let wrong = ["(a", "a)", "[a", "*a", "a\\"];

        assert!(wrong.iter().all(|pattern| trouble(pattern).is_some()));
        assert_eq!(trouble(r"(\.|^)ads\.example$;querytype=A"), None);
    }
}
