//! Passwords, second factors and sessions, of which there are few.

use std::collections::BTreeMap;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, deleted, json_of, reply_of};
use super::state::State;
use crate::hash::hex;

/// How long one code of the second factor holds, in seconds.
const STEP: i64 = 30;

/// What one can sign in with.
pub(super) struct Secrets {
    /// None is set where it is `None`: everybody may do everything.
    pub(super) password: Option<String>,
    pub(super) app_password: Option<String>,
    /// Application passwords that were generated, by their hash.
    generated: BTreeMap<String, String>,
    /// The second factor's secret in base 32.
    pub(super) totp: Option<String>,
    last_code: Option<i64>,
    serial: u64,
}

/// One seat.
#[derive(Debug, Clone)]
pub(super) struct Session {
    sid: String,
    csrf: String,
    login: i64,
    until: i64,
    app: bool,
    agent: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Who {
    /// Number of the seat; `None` where no password is set.
    pub(super) seat: Option<usize>,
    /// Whether it came in with the application password.
    pub(super) app: bool,
}

impl Secrets {
    pub(super) fn new(password: Option<&str>) -> Self {
        Self {
            password: password.map(str::to_owned),
            app_password: None,
            generated: BTreeMap::new(),
            totp: None,
            last_code: None,
            serial: 0,
        }
    }

    /// Makes the application password with this hash the one that holds; whether there is one.
    pub(super) fn use_app_password(&mut self, hash: &str) {
        self.app_password = self.generated.get(hash).cloned();
    }

    fn unique(&mut self) -> String {
        self.serial += 1;
        hex(format!("pihole/{}", self.serial).as_bytes())
    }
}

impl State {
    fn timeout(&self) -> i64 {
        self.settings_number("webserver.session.timeout")
    }

    fn limit(&self) -> usize {
        usize::try_from(self.settings_number("webserver.api.max_sessions")).unwrap_or_default()
    }

    /// Seats with somebody on them whose session holds.
    pub(super) fn seats_taken(&self) -> usize {
        let now = self.now();
        let taken = |session: &&Session| session.until >= now;
        self.seats.iter().flatten().filter(taken).count()
    }

    /// Who a session is of, which lives on by it; or why it is not known.
    pub(super) fn authenticate(
        &mut self,
        sid: Option<(&str, bool)>,
        csrf: Option<&str>,
    ) -> Result<Who, &'static str> {
        if self.secrets.password.is_none() {
            return Ok(Who::default());
        }
        let Some((sid, by_cookie)) = sid else {
            return Err("no SID provided");
        };
        if by_cookie && csrf.is_none() {
            return Err("Cookie authentication without CSRF token");
        }
        let (now, timeout) = (self.now(), self.timeout());
        let known = self.seats.iter_mut().enumerate();
        let mut known = known.filter_map(|(seat, session)| Some((seat, session.as_mut()?)));
        let Some((seat, session)) = known.find(|(_, session)| session.sid == sid) else {
            return Err("session unknown");
        };
        if by_cookie && csrf != Some(&session.csrf) {
            return Err("CSRF token mismatch");
        }
        if session.until < now {
            return Err("session expired");
        }
        session.until = now + timeout;
        Ok(Who {
            seat: Some(seat),
            app: session.app,
        })
    }

    /// Takes a seat.
    fn sit_down(&mut self, app: bool, agent: Option<String>) -> Option<usize> {
        let (now, timeout, limit) = (self.now(), self.timeout(), self.limit());
        self.seats.resize(limit, None);
        let free =
            |session: &Option<Session>| session.as_ref().is_none_or(|session| session.until < now);
        let seat = self.seats.iter().position(free)?;
        let (sid, csrf) = (self.secrets.unique(), self.secrets.unique());
        let seat_taken = self.seats.get_mut(seat)?;
        *seat_taken = Some(Session {
            // As the product's: base 64, with signs that a query has to encode.
            sid: format!("{}+/=", sid.chars().take(20).collect::<String>()),
            csrf: format!("{}=", csrf.chars().take(22).collect::<String>()),
            login: now,
            until: now + timeout,
            app,
            agent,
        });
        self.logins += 1;
        self.most_seats = self.most_seats.max(self.seats_taken());
        Some(seat)
    }

    /// Ends all sessions.
    pub(super) fn end_sessions(&mut self) {
        self.seats.clear();
    }

    /// Lets all sessions run out.
    pub(super) fn expire_sessions(&mut self) {
        let now = self.now();
        for session in self.seats.iter_mut().flatten() {
            session.until = now - 1;
        }
    }

    /// What is told of a session, or of there being none.
    fn session_object(&self, who: Option<Who>, message: &str) -> Value {
        let session = who.and_then(|who| who.seat);
        let session = session.and_then(|seat| self.seats.get(seat)?.as_ref());
        let mut object = json!({
            "valid": who.is_some(),
            "totp": self.secrets.totp.is_some(),
            "sid": null,
            "validity": -1,
            "message": message,
        });
        if let Some(session) = session {
            object["sid"] = json!(session.sid);
            object["csrf"] = json!(session.csrf);
            object["validity"] = json!(session.until - self.now());
        }
        json!({ "session": object })
    }

    /// The cookie of a session.
    pub(super) fn cookie(&self, seat: usize) -> Option<String> {
        let session = self.seats.get(seat)?.as_ref()?;
        let age = self.timeout();
        let sid = &session.sid;
        Some(format!(
            "sid={sid}; SameSite=Lax; Path=/; Max-Age={age}; HttpOnly"
        ))
    }

    /// The code that holds at this time.
    pub(super) fn totp_code(&self, secret: &str) -> i64 {
        code_at(secret, self.now().div_euclid(STEP))
    }

    fn check_totp(&mut self, given: Option<&Value>) -> Result<(), Failure> {
        let Some(secret) = self.secrets.totp.clone() else {
            return Ok(());
        };
        let given = given.ok_or_else(|| Failure::bad("No 2FA token found in JSON payload"))?;
        // It reads a number; text counts as zero.
        let given = given.as_i64().unwrap_or_default();
        let unauthorized = |message: &str| Failure::new(401, "unauthorized", message);
        let step = self.now().div_euclid(STEP);
        let right = [step - 1, step, step + 1].map(|step| code_at(&secret, step));
        if !right.contains(&given) {
            return Err(unauthorized("Invalid 2FA token"));
        }
        if self.secrets.last_code == Some(given) {
            return Err(unauthorized("Reused 2FA token").hint("wait for new token"));
        }
        self.secrets.last_code = Some(given);
        Ok(())
    }
}

/// The session that a request names, and whether a cookie did; and its CSRF token.
pub(super) fn named<'a>(
    headers: &'a HeaderMap,
    query: &'a Value,
    body: &'a Value,
) -> (Option<(&'a str, bool)>, Option<&'a str>) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookie = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|one| one.trim().strip_prefix("sid="));
    let sid = None
        .or_else(|| Some((body["sid"].as_str()?, false)))
        .or_else(|| Some((text("sid").or_else(|| text("x-ftl-sid"))?, false)))
        .or_else(|| Some((cookie?, true)))
        .or_else(|| Some((query["sid"].as_str()?, false)));
    (sid, text("x-csrf-token"))
}

/// `GET /auth`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    reply_of(match call.who {
        Ok(who) if who.seat.is_none() => {
            Reply::Json(200, state.session_object(Some(who), "no password set"))
        }
        Ok(who) => Reply::Json(200, state.session_object(Some(who), "correct password")),
        Err(why) => Reply::Json(401, state.session_object(None, why)),
    })
}

/// `POST /auth`: every one that goes well takes a seat.
pub(super) fn login(state: &mut State, call: &Call) -> Answer {
    let body = call.json()?;
    let password = body
        .get("password")
        .ok_or_else(|| Failure::bad("No password found in JSON payload"))?;
    let password = password
        .as_str()
        .ok_or_else(|| Failure::bad("Field password has to be of type 'string'"))?;
    if password.is_empty() && call.who.is_ok() {
        return status(state, call);
    }
    if state.too_fast > 0 {
        state.too_fast -= 1;
        return Err(Failure::new(
            429,
            "rate_limiting",
            "Rate-limiting login attempts",
        ));
    }
    let by_app = state.secrets.app_password.as_deref() == Some(password);
    if !by_app && state.secrets.password.as_deref() != Some(password) {
        // In the shape of a session, unlike all other errors.
        let body = state.session_object(None, "password incorrect");
        return Ok(Reply::Json(401, body));
    }
    if !by_app {
        state.check_totp(body.get("totp"))?;
    }
    let Some(seat) = state.sit_down(by_app, call.agent.clone()) else {
        return Err(
            Failure::new(429, "api_seats_exceeded", "API seats exceeded")
                .hint("increase webserver.api.max_sessions"),
        );
    };
    let who = Who {
        seat: Some(seat),
        app: by_app,
    };
    let message = if by_app {
        "app-password correct"
    } else {
        "password correct"
    };
    json_of(state.session_object(Some(who), message))
}

/// `DELETE /auth`.
pub(super) fn logout(state: &mut State, call: &Call) -> Answer {
    match call.who {
        Ok(who) => match who.seat.and_then(|seat| state.seats.get_mut(seat)) {
            Some(seat) => Ok(Reply::Nothing(if seat.take().is_some() {
                204
            } else {
                404
            })),
            None => json_of(state.session_object(Some(who), "no password set")),
        },
        Err(why) => Ok(Reply::Json(401, state.session_object(None, why))),
    }
}

/// `GET /auth/sessions`.
pub(super) fn sessions(state: &mut State, call: &Call) -> Answer {
    let (now, timeout) = (state.now(), state.timeout());
    let own = call.who.ok().and_then(|who| who.seat);
    let taken = state.seats.iter().enumerate();
    let rows: Vec<Value> = taken
        .filter_map(|(seat, session)| Some((seat, session.as_ref()?)))
        .map(|(seat, session)| {
            json!({
                "id": seat,
                "current_session": Some(seat) == own,
                "valid": session.until >= now,
                "tls": { "login": false, "mixed": false },
                "login_at": session.login,
                "last_active": session.until - timeout,
                "valid_until": session.until,
                "remote_addr": "127.0.0.1",
                "user_agent": session.agent,
                "x_forwarded_for": null,
                "app": session.app,
                "cli": false,
            })
        })
        .collect();
    json_of(json!({ "sessions": rows }))
}

/// `DELETE /auth/session/{id}`.
pub(super) fn end_session(state: &mut State, call: &Call) -> Answer {
    let seat: usize = call
        .path
        .get("id")
        .parse()
        .map_err(|_| Failure::bad("Missing or invalid session ID"))?;
    if seat >= state.limit() {
        return Err(Failure::bad("Session ID out of bounds"));
    }
    let session = state.seats.get_mut(seat).and_then(Option::take);
    if session.is_none() {
        return Err(Failure::bad("Session ID not in use"));
    }
    deleted(true)
}

/// `GET /auth/app`: a new application password, which holds once its hash is set.
pub(super) fn generate_app_password(state: &mut State, _: &Call) -> Answer {
    let password = state.secrets.unique().chars().take(43).collect::<String>();
    let hash = format!("$BALLOON-SHA256$v=1$s=1024,t=32${}", state.secrets.unique());
    let known = &mut state.secrets.generated;
    known.insert(hash.clone(), password.clone());
    json_of(json!({ "app": { "password": password, "hash": hash } }))
}

/// `GET /auth/totp`: a new secret, which holds once it is set.
pub(super) fn generate_totp(state: &mut State, _: &Call) -> Answer {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let seed = state.secrets.unique();
    let secret: String = seed
        .bytes()
        .take(32)
        .filter_map(|byte| letters.chars().nth(usize::from(byte % 32)))
        .collect();
    let step = state.now().div_euclid(STEP);
    let codes = [step - 1, step, step + 1].map(|step| code_at(&secret, step));
    json_of(json!({ "totp": {
        "type": "totp",
        "account": "pi.hole",
        "issuer": "Pi-hole API",
        "algorithm": "SHA1",
        "digits": 6,
        "period": STEP,
        "offset": 0,
        "secret": secret,
        "codes": codes,
    } }))
}

/// RFC 6238 with SHA-1 and six digits.
fn code_at(secret: &str, step: i64) -> i64 {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &base32(secret));
    let tag = sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 15);
    let four = tag.get(offset..offset + 4).unwrap_or_default();
    let number = four
        .iter()
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    i64::from(number & 0x7fff_ffff) % 1_000_000
}

/// RFC 4648; what is no letter of it is skipped.
fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in text.bytes() {
        let five = match letter.to_ascii_uppercase() {
            upper @ b'A'..=b'Z' => upper - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => continue,
        };
        bits = (bits << 5) | u32::from(five);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap_or_default());
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, its last six digits.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

        let codes = [59, 1_111_111_109, 1_234_567_890].map(|time| code_at(secret, time / STEP));

        assert_eq!(base32(secret), b"12345678901234567890");
        assert_eq!(codes, [287_082, 81_804, 5_924]);
    }
}
