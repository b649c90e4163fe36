//! Bodies of `multipart/form-data` (RFC 7578), for upstreams that take files.

use bytes::Bytes;
use memchr::memmem;

/// One part of a form.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    name: &'a str,
    /// Its name and its type.
    file: Option<(&'a str, &'static str)>,
    content: &'a [u8],
}

impl<'a> Part<'a> {
    /// A field.
    pub const fn text(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            file: None,
            content: text.as_bytes(),
        }
    }

    /// A file, with its name and its media type.
    pub const fn file(
        name: &'a str,
        file_name: &'a str,
        media_type: &'static str,
        content: &'a [u8],
    ) -> Self {
        Self {
            name,
            file: Some((file_name, media_type)),
            content,
        }
    }

    fn head(&self) -> String {
        let name = escaped(self.name);
        let file = self.file.map(|(name, media_type)| {
            let name = escaped(name);
            format!("; filename=\"{name}\"\r\nContent-Type: {media_type}")
        });
        let file = file.unwrap_or_default();
        format!("Content-Disposition: form-data; name=\"{name}\"{file}")
    }
}

/// The boundary and the body.
pub(crate) fn body(parts: &[Part<'_>]) -> (String, Bytes) {
    let boundary = boundary(parts);
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n{}\r\n\r\n", part.head()).as_bytes());
        body.extend_from_slice(part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, body.into())
}

/// A line that no content holds: looked for rather than left to chance, so that the body is the same
/// each time.
fn boundary(parts: &[Part<'_>]) -> String {
    let mut number = 0_u32;
    loop {
        let boundary = format!("homelab-mcp-{number:08}");
        let finder = memmem::Finder::new(&boundary);
        if parts.iter().all(|part| finder.find(part.content).is_none()) {
            return boundary;
        }
        number += 1;
    }
}

/// As the HTML standard writes names in a form.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_between_boundaries() {
        let parts = [
            Part::text("import", "{}"),
            Part::file("file", "a.zip", "application/zip", b"PK\x03\r\n"),
        ];

        let (boundary, body) = body(&parts);

        assert_eq!(boundary, "homelab-mcp-00000000");
        let expected = "--homelab-mcp-00000000\r\nContent-Disposition: form-data; name=\"import\"\r\n\r\n{}\r\n\
             --homelab-mcp-00000000\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\
             Content-Type: application/zip\r\n\r\nPK\x03\r\n\r\n--homelab-mcp-00000000--\r\n";
        assert_eq!(body, expected.as_bytes());
    }

    #[test]
    fn a_boundary_that_is_in_a_content_is_not_used() {
        let content = b"\r\n--homelab-mcp-00000000\r\n--homelab-mcp-00000001";

        let (boundary, _) = body(&[Part::file("file", "a", "text/plain", content)]);

        assert_eq!(boundary, "homelab-mcp-00000002");
    }

    #[test]
    fn a_name_cannot_end_its_header() {
        let (_, body) = body(&[Part::file("a\"\r\nb", "x\"; y", "text/plain", b"")]);

        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(
            text.contains("name=\"a%22%0D%0Ab\"; filename=\"x%22; y\"\r\n"),
            "{text}"
        );
    }
}
