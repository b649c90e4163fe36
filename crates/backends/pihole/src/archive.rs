//! Pi-hole's archives ("teleporter") as files: what one is called, what is in it. Nothing is unpacked.

use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Serialize;

/// Most files that are told of.
const FILES: usize = 50;
/// Longest name of a file that is told, and of an archive, in characters.
const LONGEST: usize = 120;
/// What an archive is called that has no name of use.
const NAMELESS: &str = "teleporter.zip";
/// A directory's end: 22 bytes, and a comment of at most 65,535.
const END: usize = 22;

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct InArchive {
    pub(crate) name: String,
    /// Unpacked.
    pub(crate) size_bytes: u64,
}

/// The files that a ZIP archive lists in the directory at its end (APPNOTE 6.3.10, 4.3.12 and 4.3.16);
/// `None` where it is no such archive, or was cut.
pub(crate) fn files(archive: &[u8]) -> Option<Vec<InArchive>> {
    archive.strip_prefix(b"PK\x03\x04")?;
    let tail = archive.len().saturating_sub(END + usize::from(u16::MAX));
    let searched = archive.get(tail..)?;
    let end = searched
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06")?;
    let end = archive.get(tail + end..)?;
    let (count, mut at) = (number(end, 10, 2)?, number(end, 16, 4)?);
    let mut files = Vec::new();
    for _ in 0..count {
        let entry = archive.get(at..)?;
        entry.strip_prefix(b"PK\x01\x02")?;
        let name = entry.get(46..46 + number(entry, 28, 2)?)?;
        if files.len() < FILES {
            files.push(InArchive {
                name: short(&printable(&String::from_utf8_lossy(name))),
                size_bytes: number(entry, 24, 4)? as u64,
            });
        }
        at += 46 + number(entry, 28, 2)? + number(entry, 30, 2)? + number(entry, 32, 2)?;
    }
    (!files.is_empty()).then_some(files)
}

/// A number of so many bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + length)?.iter().rev();
    Some(bytes.fold(0, |number, byte| (number << 8) | usize::from(*byte)))
}

/// The name in a `Content-Disposition`, made harmless: it becomes the name of a file somewhere.
pub(crate) fn name(disposition: Option<&str>) -> String {
    let name = disposition
        .and_then(|text| text.split_once("filename="))
        .map(|(_, name)| name.split(';').next().unwrap_or_default())
        .unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
        .collect();
    match short(name.trim_start_matches('.')) {
        empty if empty.is_empty() => NAMELESS.to_owned(),
        name => name,
    }
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An archive of one file as Python's `zipfile` writes it.
    const ONE: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\x41\x5b\xc2\x41\x24\x35\x03\0\0\0\x03\0\0\0\x07\0\0\0\
        a/b.txtabc\
        PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0\x41\x5b\xc2\x41\x24\x35\x03\0\0\0\x03\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0\
        a/b.txtPK\x05\x06\0\0\0\0\x01\0\x01\0\x35\0\0\0\x28\0\0\0\0\0";

    #[test]
    fn the_files_of_an_archive_are_read_from_its_directory() {
        let file = InArchive {
            name: "a/b.txt".to_owned(),
            size_bytes: 3,
        };

        assert_eq!(files(ONE), Some(vec![file.clone()]));
        let commented = [ONE.strip_suffix(b"\0\0").unwrap(), b"\x03\0abc"].concat();
        assert_eq!(files(&commented), Some(vec![file]));
    }

    #[test]
    fn what_is_no_archive_or_was_cut_has_no_files() {
        for length in 0..ONE.len() {
            // The comment's length alone may be missing.
            assert!(files(&ONE[..length]).is_none() || length + 2 >= ONE.len());
        }
        assert_eq!(files(b"<html></html>"), None);
        let mut wild = ONE.to_vec();
        // A directory that begins behind the end.
        let place = ONE.len() - 6;
        wild[place..place + 4].copy_from_slice(&[0xff; 4]);
        assert_eq!(files(&wild), None);
        let empty = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(files(empty), None);
    }

    #[rstest]
    #[case(
        "attachment; filename=\"pi-hole_pi.hole_teleporter_2026-06-01_UTC.zip\"",
        "pi-hole_pi.hole_teleporter_2026-06-01_UTC.zip"
    )]
    #[case("attachment; filename=a.zip; size=3", "a.zip")]
    #[case("attachment; filename=\"../../etc/passwd\"", "etcpasswd")]
    #[case("attachment; filename=\"\u{202e}\r\n\"", "teleporter.zip")]
    #[case("attachment", "teleporter.zip")]
    fn a_name_is_made_harmless(#[case] disposition: &str, #[case] wanted: &str) {
        assert_eq!(name(Some(disposition)), wanted);
        assert_eq!(name(None), NAMELESS);
    }
}
