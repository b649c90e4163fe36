//! Everything in one archive, out and in again.

use axum::body::Body;
use axum::http::{Response, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of, reply_of};
use super::state::{Rule, State};

/// What the one file in our archives is called; the product's has the database of the lists, too.
const FILE: &str = "etc/pihole/pihole.toml";
/// What the answer to an import calls the rules, which the product keeps in its database.
const DOMAINS: &str = "etc/pihole/gravity.db->domainlist";

const INVALID: &str = "The uploaded file does not appear to be a valid Pi-hole Teleporter archive";

/// `GET /teleporter`.
pub(super) fn export(state: &mut State, _: &Call) -> Answer {
    let rules: Vec<Value> = state.domains.iter().map(Rule::row).collect();
    let content = json!({
        "upstreams": state.settings.get("dns.upstreams"),
        "hosts": state.settings.get("dns.hosts"),
        "cnameRecords": state.settings.get("dns.cnameRecords"),
        "password": state.secrets.password,
        "domains": rules,
    });
    let archive = archive(FILE, content.to_string().as_bytes());
    let name = format!("pi-hole_pi.hole_teleporter_{}.zip", state.now());
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    let answer: Response<Body> = (headers, archive).into_response();
    reply_of(Reply::Raw(Box::new(answer)))
}

/// `POST /teleporter`: what is there is replaced, all of it or the parts that `import` chooses, and it
/// restarts. The answer names the `files`, for which the documentation has `processed`.
pub(super) fn import(state: &mut State, call: &Call) -> Answer {
    let app = call.who.is_ok_and(|who| who.app);
    if app && !state.settings.flag("webserver.api.app_sudo") {
        return Err(Failure::forbidden(
            "Unable to change configuration (read-only)",
        ));
    }
    let form = || Failure::bad("Invalid form request").outside_the_contract();
    let boundary = call
        .content_type
        .split(';')
        .find_map(|one| one.trim().strip_prefix("boundary="))
        .ok_or_else(form)?;
    let none = || Failure::bad("No ZIP archive received");
    let file = part(boundary.trim_matches('"'), "file", &call.raw).ok_or_else(none)?;
    let invalid = || Failure::bad("Invalid file").hint(INVALID);
    let content = content_of(file).ok_or_else(invalid)?;
    let content: Value = serde_json::from_slice(content).map_err(|_| invalid())?;
    let chosen = match part(boundary.trim_matches('"'), "import", &call.raw) {
        None => None,
        Some(text) => Some(serde_json::from_slice::<Value>(text).map_err(|_| form())?),
    };
    let takes = |of: &str| {
        let chosen = chosen.as_ref().map(|chosen| chosen.pointer(of));
        chosen.is_none_or(|flag| flag == Some(&Value::Bool(true)))
    };
    let mut files = Vec::new();
    if takes("/config") {
        files.push(FILE);
        take_settings(state, &content);
    }
    if takes("/gravity/domainlist") {
        files.push(DOMAINS);
        let rows = content["domains"].as_array().cloned().unwrap_or_default();
        state.domains = rows.iter().map(Rule::of_row).collect();
    }
    state.restarting = true;
    json_of(json!({ "files": files }))
}

/// Settings, with the password: another one than before ends all sessions.
fn take_settings(state: &mut State, content: &Value) {
    for name in ["upstreams", "hosts", "cnameRecords"] {
        let value = content[name].clone();
        state.settings.set(&format!("dns.{name}"), value);
    }
    let password = content["password"].as_str().map(str::to_owned);
    if state.secrets.password != password {
        state.secrets.password = password;
        state.end_sessions();
    }
}

/// The content of a part of a form.
fn part<'a>(boundary: &str, name: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let end = format!("\r\n--{boundary}");
    let wanted = format!("name=\"{name}\"");
    let mut rest = body;
    loop {
        let head_end = find(rest, b"\r\n\r\n")?;
        let (head, after) = (rest.get(..head_end)?, rest.get(head_end + 4..)?);
        let length = find(after, end.as_bytes())?;
        if find(head, wanted.as_bytes()).is_some() {
            return after.get(..length);
        }
        rest = after.get(length + end.len()..)?;
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// An archive of one file that is not compressed (APPNOTE 6.3.10, 4.3).
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut shared = Vec::new();
    // Version, flags, method (stored), time and date.
    shared.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x5b]);
    shared.extend(crc32(content).to_le_bytes());
    shared.extend(long(content.len()));
    shared.extend(long(content.len()));
    shared.extend(short(name.len()));
    shared.extend(short(0));
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(&shared);
    bytes.extend(name.as_bytes());
    bytes.extend(content);
    let directory = bytes.len();
    bytes.extend(b"PK\x01\x02\x14\x03");
    bytes.extend(&shared);
    // Comment, disk, attributes, place of the file.
    bytes.extend([0; 14]);
    bytes.extend(name.as_bytes());
    let size = bytes.len() - directory;
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend(long(size));
    bytes.extend(long(directory));
    bytes.extend(short(0));
    bytes
}

/// The content of the file in an archive of ours.
fn content_of(archive: &[u8]) -> Option<&[u8]> {
    let rest = archive.strip_prefix(b"PK\x03\x04")?;
    let number = |at: usize, length: usize| {
        let bytes = rest.get(at..at + length)?;
        let number = bytes.iter().rev();
        Some(number.fold(0_usize, |number, byte| (number << 8) | usize::from(*byte)))
    };
    let (size, name, extra) = (number(18, 4)?, number(22, 2)?, number(24, 2)?);
    rest.get(26 + name + extra..26 + name + extra + size)
}

fn crc32(bytes: &[u8]) -> u32 {
    let rest = bytes.iter().fold(u32::MAX, |rest, byte| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _| {
            (rest >> 1) ^ if rest & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    !rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_read_back() {
        let archive = archive("a/b.txt", b"content");

        assert_eq!(content_of(&archive), Some(b"content".as_slice()));
        assert_eq!(content_of(b"PK\x03\x04short"), None);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_part_of_a_form_is_found_by_its_name() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"import\"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\r\nPK\x03\r\n--x--\r\n";

        assert_eq!(part("x", "file", body), Some(b"PK\x03".as_slice()));
        assert_eq!(part("x", "other", body), None);
    }
}
