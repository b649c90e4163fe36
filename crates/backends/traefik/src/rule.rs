//! Rules of routers: `Host(`app.example.test`) && PathPrefix(`/x`)`.
//!
//! Source: Traefik documentation, "Routers", rule syntax of version 3. Only the form is checked: what
//! passes here can still be refused by Traefik, a regular expression for instance.

/// Matchers of HTTP routers, with the least and the most values they take.
const HTTP: [(&str, usize, usize); 11] = [
    ("Host", 1, 1),
    ("HostRegexp", 1, 1),
    ("Path", 1, 1),
    ("PathPrefix", 1, 1),
    ("PathRegexp", 1, 1),
    ("Method", 1, 1),
    ("Header", 2, 2),
    ("HeaderRegexp", 2, 2),
    ("Query", 1, 2),
    ("QueryRegexp", 1, 2),
    ("ClientIP", 1, 1),
];
/// Deepest nesting of parentheses.
const DEEPEST: usize = 20;

/// A matcher with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matcher {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
    /// Whether `!` stands before it.
    pub(crate) negated: bool,
}

/// Checks the rule of an HTTP router.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn check(rule: &str) -> Result<Vec<Matcher>, String> {
    let matchers = Parser::new(rule).all()?;
    for matcher in &matchers {
        let known = HTTP
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(&matcher.name));
        let Some((name, least, most)) = known else {
            let names: Vec<&str> = HTTP.iter().map(|(name, ..)| *name).collect();
            return Err(format!(
                "there is no matcher `{}`; there are {}",
                matcher.name,
                names.join(", ")
            ));
        };
        let count = matcher.values.len();
        if !(*least..=*most).contains(&count) {
            let several = if *name == "Host" {
                "; join several with `||`"
            } else {
                ""
            };
            return Err(format!("`{name}` has {count} values{several}"));
        }
        if matcher.values.iter().any(String::is_empty) {
            return Err(format!("`{name}` has an empty value"));
        }
    }
    Ok(matchers)
}

/// The host names that a rule of any protocol and version names, in small letters; of a rule that
/// cannot be read, those before the place where reading ends.
pub(crate) fn hosts(rule: &str) -> Vec<String> {
    let mut parser = Parser::new(rule);
    // Versions before 3 have other matchers and several values: the form alone counts here.
    drop(parser.expression(0));
    let mut hosts: Vec<String> = parser
        .found
        .into_iter()
        .filter(|matcher| !matcher.negated)
        .filter(|matcher| ["host", "hostsni"].contains(&matcher.name.to_ascii_lowercase().as_str()))
        .flat_map(|matcher| matcher.values)
        .map(|host| host.to_ascii_lowercase())
        .filter(|host| host != "*")
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

struct Parser<'a> {
    rest: &'a str,
    found: Vec<Matcher>,
}

impl<'a> Parser<'a> {
    fn new(rule: &'a str) -> Self {
        Self {
            rest: rule,
            found: Vec::new(),
        }
    }

    fn all(mut self) -> Result<Vec<Matcher>, String> {
        self.expression(0)?;
        self.skip();
        if self.rest.is_empty() {
            return Ok(self.found);
        }
        Err(self.unexpected("`&&`, `||` or the end"))
    }

    /// Terms between `&&` and `||`: only the form matters, not which binds closer.
    fn expression(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("the parentheses are nested too deep".to_owned());
        }
        loop {
            self.term(depth)?;
            if !self.eat("&&") && !self.eat("||") {
                return Ok(());
            }
        }
    }

    fn term(&mut self, depth: usize) -> Result<(), String> {
        let negated = self.eat("!");
        if self.eat("(") {
            let from = self.found.len();
            self.expression(depth + 1)?;
            for matcher in self.found.iter_mut().skip(from) {
                matcher.negated ^= negated;
            }
            return self.expect(")");
        }
        let name = self.word()?;
        self.expect("(")?;
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        self.found.push(Matcher {
            name,
            values,
            negated,
        });
        Ok(())
    }

    fn word(&mut self) -> Result<String, String> {
        self.skip();
        let end = self
            .rest
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(self.rest.len());
        match self.rest.split_at_checked(end) {
            Some((word, rest)) if !word.is_empty() => {
                self.rest = rest;
                Ok(word.to_owned())
            }
            _ => Err(self.unexpected("a matcher such as `Host`")),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        self.skip();
        for quote in ['`', '"'] {
            let Some(rest) = self.rest.strip_prefix(quote) else {
                continue;
            };
            let Some((value, rest)) = rest.split_once(quote) else {
                return Err(format!("a value has no closing {quote}"));
            };
            self.rest = rest;
            return Ok(value.to_owned());
        }
        Err(self.unexpected("a value in backticks"))
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{token}`")))
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found: String = self.rest.chars().take(20).collect();
        if found.is_empty() {
            return format!("{wanted} is missing at the end");
        }
        format!("{wanted} is missing before `{}`", found.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Host(`a.test`)")]
    #[case("Host(`a.test`) || (Host(`b.test`) && !PathPrefix(`/x`))")]
    #[case("Header(`X-A`, `b`) && ClientIP(\"192.0.2.0/24\")")]
    #[case("Query(`a`) || Query(`a`, `b`)")]
    fn rules_of_version_3_pass(#[case] rule: &str) {
        assert!(check(rule).is_ok(), "{:?}", check(rule));
    }

    #[rstest]
    #[case("", "is missing at the end")]
    #[case("Hst(`a`)", "no matcher `Hst`")]
    #[case("Host(`a`, `b`)", "join several with `||`")]
    #[case("Host(a)", "a value in backticks")]
    #[case("Host(`a`) Host(`b`)", "`&&`, `||` or the end")]
    #[case("Host(`a`", "`)` is missing")]
    #[case("(Host(`a`)", "`)` is missing")]
    #[case("Host(`a", "no closing")]
    #[case("Host(``)", "an empty value")]
    #[case("HostSNI(`*`)", "no matcher `HostSNI`")]
    fn other_rules_say_what_is_wrong(#[case] rule: &str, #[case] text: &str) {
        let error = check(rule).unwrap_err();

        assert!(error.contains(text), "{error}");
    }

    #[rstest]
    #[case("Host(`B.test`) || Host(`a.test`) && !Host(`c.test`)", &["a.test", "b.test"])]
    #[case("Host(`a.test`, `b.test`)", &["a.test", "b.test"])]
    #[case("HostSNI(`*`)", &[])]
    #[case("HostSNI(`db.test`)", &["db.test"])]
    #[case("!(Host(`a.test`) || !Host(`b.test`))", &["b.test"])]
    #[case("Host(`a.test`) && What(", &["a.test"])]
    fn hosts_are_found_in_rules_of_any_version(#[case] rule: &str, #[case] found: &[&str]) {
        assert_eq!(hosts(rule), found);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(rule in "[a-zA-Z`\"(),|&! /é]{0,40}") {
            drop(check(&rule));
            hosts(&rule);
        }
    }

    #[test]
    fn deep_nesting_ends() {
        assert!(check(&"(".repeat(100_000)).is_err());
    }
}
