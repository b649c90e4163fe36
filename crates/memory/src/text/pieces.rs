//! Takes a text apart at its blanks and quotes and says of each piece what it is.

use homelab_core::net::{Cidr, Ip, Mac};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// IPv4 or IPv6.
    Address,
    /// A network in CIDR notation.
    Network,
    Mac,
    /// A host, a domain, a file, an id: whatever mixes letters with digits, dots, hyphens or underscores.
    Name,
    Path,
    Version,
    /// An error code that is no mere number.
    Code,
    Number,
    /// A number with a unit.
    Quantity,
    Date,
    Time,
    /// A hyphenated word without digits: a name in one place, an English word in another.
    Compound,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Lower case, in its one spelling.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Piece<'t> {
    /// As it stands there.
    pub(super) raw: &'t str,
    /// The word before it, lower case.
    pub(super) before: Option<String>,
    /// Whether a quote or backtick stands in front of it.
    pub(super) is_quoted: bool,
    /// What it is; nothing for a plain word.
    pub(super) tokens: Vec<Token>,
}

/// Error names that look like words.
const ERRNO: &[&str] = &[
    "eacces",
    "eaddrinuse",
    "eaddrnotavail",
    "eagain",
    "ebadf",
    "ebusy",
    "econnaborted",
    "econnrefused",
    "econnreset",
    "eexist",
    "ehostdown",
    "ehostunreach",
    "einval",
    "eio",
    "emfile",
    "enetunreach",
    "enodev",
    "enoent",
    "enomem",
    "enospc",
    "enotconn",
    "enotfound",
    "eperm",
    "epipe",
    "erofs",
    "estale",
    "etimedout",
    "nxdomain",
    "servfail",
    "sigkill",
    "sigsegv",
    "sigterm",
    "oomkilled",
    "crashloopbackoff",
    "imagepullbackoff",
];

const UNITS: &[&str] = &[
    "a", "ah", "am", "b", "bit", "c", "d", "db", "dbm", "f", "g", "gb", "gbe", "gbit", "gbps",
    "ghz", "gib", "h", "hz", "in", "k", "kb", "kbps", "kg", "khz", "kib", "km", "kw", "kwh", "m",
    "ma", "mah", "mb", "mbit", "mbps", "mhz", "mib", "min", "mm", "mo", "ms", "mv", "mw", "nd",
    "ns", "p", "pb", "pm", "rd", "rpm", "s", "sec", "st", "t", "tb", "th", "tib", "u", "us", "v",
    "va", "w", "wh", "x", "y",
];

fn is_joining(letter: char) -> bool {
    letter.is_alphanumeric() || "._-:/@~\\%+#&$".contains(letter)
}

fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '`' | '\u{201c}' | '\u{201e}' | '\u{ab}')
}

pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut before: Option<String> = None;
    let mut quoted = false;
    let mut rest = text;
    while let Some(start) = rest.find(is_joining) {
        let (gap, body) = rest.split_at(start);
        quoted = gap
            .chars()
            .rev()
            .take_while(|letter| !letter.is_whitespace())
            .any(is_quote)
            || (quoted && gap.is_empty());
        let end = body
            .find(|letter| !is_joining(letter))
            .unwrap_or(body.len());
        let (raw, after) = body.split_at(end);
        rest = after;
        let trimmed = trimmed(raw);
        if trimmed.is_empty() {
            continue;
        }
        let mut tokens = Vec::new();
        classify(trimmed, &mut tokens);
        for token in &mut tokens {
            token.text = token.text.to_lowercase();
        }
        found.push(Piece {
            raw: trimmed,
            before: before.replace(trimmed.to_lowercase()),
            is_quoted: quoted,
            tokens,
        });
    }
    found
}

/// Without the punctuation of a sentence, but with what begins a path, a port or a dot file.
fn trimmed(raw: &str) -> &str {
    let raw = raw.trim_end_matches([
        '.', ':', '-', '_', '/', '+', '&', '$', '%', '#', '@', '\\', '~',
    ]);
    if raw.starts_with(['/', '~', '\\']) || raw.starts_with("./") || raw.starts_with("../") {
        return raw;
    }
    // `::1` is an address.
    if raw.starts_with("::") {
        return raw;
    }
    raw.trim_start_matches(['.', ':', '-', '_', '+', '&', '$', '%', '#', '@'])
}

fn push(tokens: &mut Vec<Token>, kind: Kind, text: impl Into<String>) {
    tokens.push(Token {
        kind,
        text: text.into(),
    });
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_digit(text: &str) -> bool {
    text.chars().any(|letter| letter.is_ascii_digit())
}

fn has_letter(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

fn classify(piece: &str, tokens: &mut Vec<Token>) {
    if let Some((_, rest)) = piece.split_once("://") {
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        classify(authority.rsplit('@').next().unwrap_or(authority), tokens);
        if path.len() > 1 {
            push(tokens, Kind::Path, path.trim_end_matches('/'));
        }
    } else if let Some(mac) = as_mac(piece) {
        push(tokens, Kind::Mac, mac.to_string());
    } else if piece.contains('\\') {
        push(tokens, Kind::Path, piece);
    } else if piece.contains('/') {
        with_slash(piece, tokens);
    } else if let Some(ip) = as_address(piece) {
        push(tokens, Kind::Address, ip.to_string());
    } else if piece.contains(':') {
        with_colon(piece, tokens);
    } else if let Some((_, host)) = piece.split_once('@') {
        push(tokens, Kind::Name, piece);
        classify(host, tokens);
    } else if has_digit(piece) {
        with_digit(piece, tokens);
    } else {
        without_digit(piece, tokens);
    }
}

fn as_mac(piece: &str) -> Option<Mac> {
    let is_paired = |separator| {
        let mut groups = piece.split(separator);
        piece.len() == 17 && groups.clone().count() == 6 && groups.all(|group| group.len() == 2)
    };
    let is_dotted = piece.len() == 14 && piece.split('.').all(|group| group.len() == 4);
    (is_paired(':') || is_paired('-') || is_dotted)
        .then(|| piece.parse().ok())
        .flatten()
}

fn as_address(piece: &str) -> Option<Ip> {
    if !piece.contains('.') && !piece.contains(':') {
        return None;
    }
    piece.split('%').next().unwrap_or(piece).parse().ok()
}

fn with_slash(piece: &str, tokens: &mut Vec<Token>) {
    if let Ok(network) = piece.parse::<Cidr>() {
        push(tokens, Kind::Network, network.to_string());
        if let Some(ip) = piece.split('/').next().and_then(as_address)
            && !network.to_string().starts_with(&format!("{ip}/"))
        {
            push(tokens, Kind::Address, ip.to_string());
        }
        return;
    }
    if piece.starts_with(['/', '~', '.']) {
        if piece.len() > 1 {
            push(tokens, Kind::Path, piece);
        }
        return;
    }
    // An NFS export or a bind mount.
    if let Some((host, _)) = piece.split_once(":/") {
        classify(host, tokens);
        let path = piece.get(host.len() + 1..).unwrap_or_default();
        return classify(path, tokens);
    }
    let parts: Vec<&str> = piece.split('/').collect();
    if parts.iter().all(|part| all_digits(part)) && parts.len() == 3 {
        return push(tokens, Kind::Date, piece);
    }
    let is_protocol = |part: &str| matches!(part.to_ascii_lowercase().as_str(), "tcp" | "udp");
    match parts[..] {
        [number, protocol] if all_digits(number) && is_protocol(protocol) => {
            push(tokens, Kind::Number, number);
        }
        [protocol, number] if all_digits(number) && is_protocol(protocol) => {
            push(tokens, Kind::Number, number);
        }
        // `and/or`, `read/write`, `1/2`.
        [left, right] if !piece.contains(['.', '_', ':']) || all_digits(right) => {
            classify(left, tokens);
            classify(right, tokens);
        }
        _ => push(tokens, Kind::Path, piece),
    }
}

fn with_colon(piece: &str, tokens: &mut Vec<Token>) {
    let Some((left, right)) = piece.rsplit_once(':') else {
        return;
    };
    let is_clock = |part: &str| all_digits(part) && part.len() <= 2;
    if piece.split(':').all(is_clock) {
        return push(tokens, Kind::Time, piece);
    }
    if all_digits(right) && right.len() <= 5 {
        classify(left, tokens);
        return push(tokens, Kind::Number, right);
    }
    if has_digit(piece) {
        push(tokens, Kind::Name, piece);
    }
    for part in piece.split(':').filter(|part| !part.is_empty()) {
        classify(part, tokens);
    }
}

fn with_digit(piece: &str, tokens: &mut Vec<Token>) {
    let lower = piece.to_ascii_lowercase();
    if all_digits(piece) {
        return push(tokens, Kind::Number, piece);
    }
    if lower.starts_with("0x") {
        return push(tokens, Kind::Code, piece);
    }
    let bare = lower.strip_prefix('v').unwrap_or(&lower);
    let numbers = bare
        .split(['.', '-', '+', '_'])
        .take_while(|part| all_digits(part))
        .count();
    if bare.starts_with(|letter: char| letter.is_ascii_digit()) {
        let is_date = matches!(
            bare.split('-').collect::<Vec<_>>()[..],
            [year, month, day] if year.len() == 4 && all_digits(year)
                && month.len() == 2 && all_digits(month) && day.len() >= 2
                && day.bytes().take(2).all(|byte| byte.is_ascii_digit())
        );
        if is_date {
            return push(tokens, Kind::Date, lower.get(..10).unwrap_or(&lower));
        }
        let (digits, unit) = bare
            .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | ','))
            .map_or((bare, ""), |at| bare.split_at(at));
        let unit = unit.trim_start_matches('-');
        if bare == lower && !unit.is_empty() && UNITS.contains(&unit) {
            return push(tokens, Kind::Quantity, format!("{digits}{unit}"));
        }
        if numbers >= 2 && digits.contains('.') {
            let is_decimal = bare == lower && numbers == 2 && digits == bare;
            let kind = if is_decimal {
                Kind::Number
            } else {
                Kind::Version
            };
            return push(tokens, kind, lower);
        }
        // `24-port`, `3-way`
        let mut parts = bare.split('-');
        if bare.contains('-')
            && parts.next().is_some_and(all_digits)
            && parts.all(|part| !has_digit(part))
        {
            return push(tokens, Kind::Compound, lower);
        }
    }
    if piece.contains(['+', '#', '&', '$', '%', '~'])
        && !piece.contains(['.', '-', '_'])
        && !has_letter(piece)
    {
        return push(tokens, Kind::Number, piece);
    }
    push(tokens, Kind::Name, piece);
    host_label(piece, tokens);
}

/// The first label of a domain name, if it looks like a host of its own.
fn host_label(piece: &str, tokens: &mut Vec<Token>) {
    if let Some((label, _)) = piece.split_once('.')
        && has_digit(label)
        && has_letter(label)
    {
        push(tokens, Kind::Name, label);
    }
}

fn without_digit(piece: &str, tokens: &mut Vec<Token>) {
    if piece.contains('.') {
        let labels: Vec<&str> = piece.split('.').collect();
        let is_name = labels.iter().all(|label| !label.is_empty())
            && labels.last().is_some_and(|last| last.chars().count() >= 2)
            && labels.iter().any(|label| label.chars().count() >= 3);
        if is_name {
            push(tokens, Kind::Name, piece);
        }
    } else if piece.contains('_') {
        push(tokens, Kind::Name, piece);
    } else if piece.contains('-') {
        push(tokens, Kind::Compound, piece);
    } else if ERRNO.contains(&piece.to_ascii_lowercase().as_str()) {
        push(tokens, Kind::Code, piece);
    }
}
