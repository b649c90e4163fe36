//! Request bodies: read whole, within a size and a time.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use homelab_core::error::{Code, ToolError};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::reply;

/// Longest time that a client may take for its body.
const READ: Duration = Duration::from_secs(30);
/// What is still read of a body that is too large, so that its sender hears why it was refused
/// instead of a reset connection.
const DISCARDED: usize = 32 * 1024 * 1024;
/// How long that may take.
const DISCARD: Duration = Duration::from_secs(5);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Larger than this.
    TooLarge(usize),
    /// Not there in time.
    TooSlow,
    /// The connection broke, or the encoding is wrong.
    Broken,
}

impl Unread {
    pub(crate) fn response(self) -> Response {
        let (status, error) = match self {
            Self::TooLarge(limit) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ToolError::new(
                    Code::InvalidArgument,
                    format!("the request is larger than {limit} bytes"),
                ),
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                ToolError::new(
                    Code::Timeout,
                    format!("the request's body took longer than {} s", READ.as_secs()),
                ),
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                ToolError::new(
                    Code::InvalidArgument,
                    "the request's body could not be read",
                ),
            ),
        };
        reply::refusal(status, &error)
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    // The header is a promise that the connection enforces.
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        discard(&mut body, 0).await;
        return Err(Unread::TooLarge(limit));
    }
    timeout(READ, collect(&mut body, limit))
        .await
        .map_err(|_| Unread::TooSlow)?
}

async fn collect(body: &mut Body, limit: usize) -> Result<Bytes, Unread> {
    // Most bodies are one frame, which is handed on without a copy.
    let Some(first) = next(body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        discard(body, first.len()).await;
        return Err(Unread::TooLarge(limit));
    }
    let Some(second) = next(body).await? else {
        return Ok(first);
    };
    let mut whole = BytesMut::from(first);
    let mut data = second;
    loop {
        if data.len() > limit - whole.len() {
            discard(body, whole.len() + data.len()).await;
            return Err(Unread::TooLarge(limit));
        }
        whole.extend_from_slice(&data);
        match next(body).await? {
            Some(more) => data = more,
            None => return Ok(whole.freeze()),
        }
    }
}

/// The next data; trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Unread> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Unread::Broken),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn discard(body: &mut Body, mut read: usize) {
    let all = async {
        while read < DISCARDED {
            match next(body).await {
                Ok(Some(data)) => read += data.len(),
                Ok(None) | Err(_) => return,
            }
        }
    };
    timeout(DISCARD, all).await.ok();
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn chunks(chunks: &[&'static str]) -> Body {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok::<_, Infallible>(*chunk))
            .collect();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_within_the_limit_is_read_whole() {
        assert_eq!(read(chunks(&[]), 4).await, Ok(Bytes::new()));
        assert_eq!(read(chunks(&["abcd"]), 4).await, Ok(Bytes::from("abcd")));
        assert_eq!(
            read(chunks(&["ab", "c", "d"]), 4).await,
            Ok(Bytes::from("abcd"))
        );
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_refused_announced_or_not() {
        let announced = read(Body::from("abcde"), 4).await;
        let in_one = read(chunks(&["abcde"]), 4).await;
        let in_many = read(chunks(&["ab", "cd", "e"]), 4).await;

        assert_eq!(announced, Err(Unread::TooLarge(4)));
        assert_eq!(in_one, Err(Unread::TooLarge(4)));
        assert_eq!(in_many, Err(Unread::TooLarge(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let stalled = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());

        assert_eq!(read(stalled, 4).await, Err(Unread::TooSlow));
    }
}
