//! Reading a question: one operation, with variables, fields, aliases and arguments.

use serde_json::{Map, Value};

/// A field that is asked for.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) alias: String,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(i64),
    Sign(char),
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    variables: Map<String, Value>,
    used: Vec<String>,
    given: &'a Map<String, Value>,
}

/// The fields of an operation, its variables put in.
pub(super) fn document(text: &str, given: &Map<String, Value>) -> Result<Vec<Field>, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        variables: Map::new(),
        used: Vec::new(),
        given,
    };
    if reader.word_is("query") {
        reader.at += 1;
        if matches!(reader.peek(), Some(Token::Word(_))) {
            reader.at += 1;
        }
        reader.declarations()?;
    }
    let fields = reader.fields()?;
    if reader.peek().is_some() {
        return Err("syntax error: one operation is expected".to_owned());
    }
    let unused = |name: &&String| !reader.used.contains(name);
    if let Some(name) = reader.variables.keys().find(unused) {
        return Err(format!("variable ${name} is never used"));
    }
    if let Some(name) = given
        .keys()
        .find(|name| !reader.variables.contains_key(*name))
    {
        return Err(format!("variable ${name} is not declared"));
    }
    Ok(fields)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            c if c.is_whitespace() || c == ',' => {}
            '#' => length = rest.find('\n').unwrap_or(rest.len()),
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' => {
                tokens.push(Token::Sign(first));
            }
            '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner.find('"').ok_or("syntax error: unterminated string")?;
                let (text, _) = inner.split_at(end);
                if text.contains('\\') {
                    return Err("syntax error: escapes are not read here".to_owned());
                }
                tokens.push(Token::Text(text.to_owned()));
                length = end + 2;
            }
            c if c.is_ascii_digit() || c == '-' => {
                let end = rest
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| !c.is_ascii_digit());
                length = end.map_or(rest.len(), |(at, _)| at);
                let (number, _) = rest.split_at(length);
                tokens.push(Token::Number(
                    number.parse().map_err(|_| "syntax error: number")?,
                ));
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
                length = rest.find(other).unwrap_or(rest.len());
                let (word, _) = rest.split_at(length);
                tokens.push(Token::Word(word.to_owned()));
            }
            c => return Err(format!("syntax error: unexpected {c}")),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(tokens)
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn word_is(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    fn sign_is(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("syntax error: unexpected end")?;
        self.at += 1;
        Ok(token)
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        match self.next()? {
            Token::Sign(found) if found == sign => Ok(()),
            other => Err(format!("syntax error: {sign} expected, not {other:?}")),
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("syntax error: a name expected, not {other:?}")),
        }
    }

    /// `($zone: String!, $limit: uint64 = 10)`
    fn declarations(&mut self) -> Result<(), String> {
        if !self.sign_is('(') {
            return Ok(());
        }
        self.sign('(')?;
        while !self.sign_is(')') {
            self.sign('$')?;
            let name = self.word()?;
            self.sign(':')?;
            let list = self.sign_is('[');
            if list {
                self.at += 1;
            }
            let kind = self.word()?;
            while self.sign_is('!') || (list && self.sign_is(']')) {
                self.at += 1;
            }
            let needed = self.tokens.get(self.at - 1) == Some(&Token::Sign('!'));
            let default = if self.sign_is('=') {
                self.at += 1;
                Some(self.value()?)
            } else {
                None
            };
            let value = self
                .given
                .get(&name)
                .cloned()
                .or(default)
                .unwrap_or_default();
            if needed && value.is_null() {
                return Err(format!("variable ${name} of type {kind}! has no value"));
            }
            if !fits(&kind, list, &value) {
                return Err(format!("variable ${name} is not of type {kind}"));
            }
            self.variables.insert(name, value);
        }
        self.sign(')')
    }

    fn fields(&mut self) -> Result<Vec<Field>, String> {
        self.sign('{')?;
        let mut fields = Vec::new();
        while !self.sign_is('}') {
            let alias = self.word()?;
            let name = if self.sign_is(':') {
                self.at += 1;
                self.word()?
            } else {
                alias.clone()
            };
            let arguments = if self.sign_is('(') {
                self.object('(', ')')?
            } else {
                Map::new()
            };
            let below = if self.sign_is('{') {
                self.fields()?
            } else {
                Vec::new()
            };
            fields.push(Field {
                alias,
                name,
                arguments,
                fields: below,
            });
        }
        self.sign('}')?;
        if fields.is_empty() {
            return Err("syntax error: nothing is asked for".to_owned());
        }
        Ok(fields)
    }

    fn object(&mut self, open: char, close: char) -> Result<Map<String, Value>, String> {
        self.sign(open)?;
        let mut object = Map::new();
        while !self.sign_is(close) {
            let name = self.word()?;
            self.sign(':')?;
            let value = self.value()?;
            // A variable without a value is as good as not there.
            if !value.is_null() {
                object.insert(name, value);
            }
        }
        self.sign(close)?;
        Ok(object)
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some(Token::Sign('{')) => self.object('{', '}').map(Value::Object),
            Some(Token::Sign('[')) => {
                self.at += 1;
                let mut list = Vec::new();
                while !self.sign_is(']') {
                    list.push(self.value()?);
                }
                self.sign(']')?;
                Ok(list.into())
            }
            Some(Token::Sign('$')) => {
                self.at += 1;
                let name = self.word()?;
                let value = self.variables.get(&name).cloned();
                let value = value.ok_or_else(|| format!("variable ${name} is not declared"));
                self.used.push(name);
                value
            }
            _ => match self.next()? {
                Token::Text(text) => Ok(text.into()),
                Token::Number(number) => Ok(number.into()),
                Token::Word(word) if word == "true" => Ok(true.into()),
                Token::Word(word) if word == "false" => Ok(false.into()),
                Token::Word(word) if word == "null" => Ok(Value::Null),
                // A name of an enumeration.
                Token::Word(word) => Ok(word.into()),
                Token::Sign(sign) => Err(format!("syntax error: unexpected {sign}")),
            },
        }
    }
}

/// Whether a value is of a type; types of inputs are objects.
fn fits(kind: &str, list: bool, value: &Value) -> bool {
    if value.is_null() {
        return true;
    }
    if list {
        let all = value.as_array();
        return all.is_some_and(|all| all.iter().all(|one| fits(kind, false, one)));
    }
    match kind {
        "string" | "String" | "Time" | "Date" => value.is_string(),
        "uint64" | "Int" | "uint32" => value.is_u64(),
        "Boolean" | "boolean" => value.is_boolean(),
        _ => value.is_object() || value.is_string() || value.is_array(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str, variables: &Value) -> Result<Vec<Field>, String> {
        document(text, variables.as_object().unwrap())
    }

    #[test]
    fn an_operation_is_read_with_its_variables() {
        let text = r#"query Zone($z: string!, $n: uint64 = 3) {
            viewer { one: zones(filter: {zoneTag: $z, list: [a, "b"]}, limit: $n) { zoneTag } }
        }"#;

        let fields = read(text, &json!({"z": "abc"})).unwrap();

        let zones = &fields[0].fields[0];
        assert_eq!(
            (zones.alias.as_str(), zones.name.as_str()),
            ("one", "zones")
        );
        assert_eq!(
            Value::Object(zones.arguments.clone()),
            json!({"filter": {"zoneTag": "abc", "list": ["a", "b"]}, "limit": 3})
        );
        assert_eq!(zones.fields[0].name, "zoneTag");
    }

    #[test]
    fn what_is_wrong_with_a_question_is_said() {
        for (text, variables, part) in [
            ("{ viewer { zones", json!({}), "unexpected end"),
            ("{ }", json!({}), "nothing is asked for"),
            ("query($z: string!) { a(b: $z) }", json!({}), "has no value"),
            (
                "query($z: string!) { a(b: $z) }",
                json!({"z": 1}),
                "not of type",
            ),
            ("query($z: string) { a }", json!({}), "never used"),
            ("{ a(b: $z) }", json!({}), "not declared"),
            ("{ a }", json!({"z": 1}), "not declared"),
            ("{ a } { b }", json!({}), "one operation"),
        ] {
            let found = read(text, &variables).unwrap_err();
            assert!(found.contains(part), "{text}: {found}");
        }
    }
}
