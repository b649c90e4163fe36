//! A form with fields of text as `multipart/form-data` (RFC 7578), the one call that Portainer takes
//! no JSON for.

/// Stands between the fields; a field that has it is refused.
const BOUNDARY: &str = "homelab-mcp-form-4f1c9a7be2d05836";

/// The content type, with the boundary.
pub(crate) const CONTENT_TYPE: &str =
    "multipart/form-data; boundary=homelab-mcp-form-4f1c9a7be2d05836";

/// The body; `None` if a value holds the boundary.
pub(crate) fn body(fields: &[(&str, String)]) -> Option<String> {
    let mut body = String::new();
    for (name, value) in fields {
        if value.contains(BOUNDARY) {
            return None;
        }
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{BOUNDARY}--\r\n"));
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_between_boundaries() {
        let body = body(&[("Name", "a".into()), ("URL", "tcp://b:1".into())]).unwrap();

        assert_eq!(
            body,
            "--homelab-mcp-form-4f1c9a7be2d05836\r\nContent-Disposition: form-data; name=\"Name\"\r\n\r\na\r\n\
             --homelab-mcp-form-4f1c9a7be2d05836\r\nContent-Disposition: form-data; name=\"URL\"\r\n\r\ntcp://b:1\r\n\
             --homelab-mcp-form-4f1c9a7be2d05836--\r\n"
        );
        assert!(CONTENT_TYPE.ends_with(BOUNDARY));
    }

    #[test]
    fn a_value_with_the_boundary_is_refused() {
        assert_eq!(body(&[("a", format!("x{BOUNDARY}"))]), None);
    }
}
