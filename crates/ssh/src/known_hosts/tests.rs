//! The verdicts, over keys that are made for the test.

use rstest::rstest;
use russh::keys::ssh_key;
use russh::keys::ssh_key::certificate::{self, CertType};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey, PublicKey};

use super::*;

fn private(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

fn key(seed: u8) -> PublicKey {
    private(seed).public_key().clone()
}

fn text(key: &PublicKey) -> String {
    key.to_openssh().unwrap()
}

/// A P-256 key that nobody has the private part of: only its kind matters here.
fn ecdsa() -> PublicKey {
    // The generator of the curve is a point on it.
    let point = hex::decode(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
         4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    )
    .unwrap();
    let point = ssh_key::public::EcdsaPublicKey::from_sec1_bytes(&point).unwrap();
    PublicKey::from(KeyData::Ecdsa(point))
}

fn known(text: &str) -> Known {
    Known::parse(text, &HostName::new("nas", 22))
}

#[test]
fn a_known_key_is_good_also_behind_tabs_and_comments() {
    let line = format!(
        "# mine\n\nnas\t{}\tcomment here\n",
        text(&key(1)).replace(' ', "\t")
    );

    assert_eq!(known(&line).judge_key(&key(1)), Verdict::Good);
}

#[test]
fn one_of_several_keys_is_good() {
    let lines = format!("nas {}\nnas {}\n", text(&key(1)), text(&key(2)));

    assert_eq!(known(&lines).judge_key(&key(2)), Verdict::Good);
}

#[test]
fn a_host_that_no_line_is_about_is_unknown() {
    let line = format!("pve {}\n", text(&key(1)));

    assert_eq!(known(&line).judge_key(&key(1)), Verdict::Unknown);
    assert!(!known(&line).vouches());
}

#[test]
fn another_key_of_the_same_kind_is_a_change_and_both_are_named() {
    let line = format!("# first\nnas {}\n", text(&key(1)));

    let verdict = known(&line).judge_key(&key(2));

    let known = format!("ssh-ed25519 {}", key(1).fingerprint(HashAlg::Sha256));
    assert_eq!(verdict, Verdict::Changed { known, line: 2 });
}

/// An attacker with a key of another kind must not pass for a new host.
#[test]
fn a_key_of_another_kind_is_a_change_too() {
    let line = format!("nas {}\n", text(&ecdsa()));

    assert!(matches!(
        known(&line).judge_key(&key(1)),
        Verdict::Changed { line: 1, .. }
    ));
}

#[test]
fn a_line_whose_key_cannot_be_read_still_means_that_the_host_is_known() {
    for line in [
        "nas ssh-dss AAAAB3NzaC1kc3M",
        "nas ssh-ed25519 broken",
        "nas ssh-new",
    ] {
        let known = known(line);

        assert!(known.vouches(), "{line}");
        assert!(matches!(known.judge_key(&key(1)), Verdict::Changed { .. }));
        assert_eq!(known.offer(), Offer::any());
    }
}

#[test]
fn a_revoked_key_is_refused_even_if_another_line_knows_it() {
    let lines = format!("nas {0}\n@revoked * {0}\n", text(&key(1)));

    assert_eq!(
        known(&lines).judge_key(&key(1)),
        Verdict::Revoked { line: 2 }
    );
}

#[test]
fn a_line_that_revokes_does_not_make_the_host_known() {
    let line = format!("@revoked * {}\n", text(&key(1)));

    assert!(!known(&line).vouches());
    assert_eq!(known(&line).judge_key(&key(2)), Verdict::Unknown);
}

#[test]
fn an_authority_is_not_a_key_of_the_host() {
    let line = format!("@cert-authority * {}\n", text(&key(1)));

    assert_eq!(known(&line).judge_key(&key(1)), Verdict::Unknown);
}

#[test]
fn a_marker_of_a_later_time_vouches_for_nothing() {
    let line = format!("@trusted nas {}\n", text(&key(1)));

    assert_eq!(known(&line).judge_key(&key(1)), Verdict::Unknown);
}

#[test]
fn only_known_kinds_of_key_are_offered() {
    let line = format!("nas {}\n", text(&ecdsa()));

    let offer = known(&line).offer();

    let p256 = Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    };
    assert_eq!(offer.keys, [p256]);
    assert!(offer.certificates.is_empty());
}

#[test]
fn sha1_signatures_are_never_offered() {
    assert!(!Offer::any().keys.contains(&Algorithm::Rsa { hash: None }));
}

#[test]
fn certificates_are_offered_only_where_an_authority_is_known() {
    assert!(known("").offer().certificates.is_empty());
    let line = format!("@cert-authority *.example.test,nas {}\n", text(&key(9)));
    assert!(!known(&line).offer().certificates.is_empty());
}

const NOW: u64 = 1_800_000_000;

type Change = fn(&mut certificate::Builder);

fn certificate(authority: u8, kind: CertType, change: Change) -> ssh_key::Certificate {
    let key = key(1).key_data().clone();
    let mut builder = certificate::Builder::new(vec![7; 16], key, NOW - 60, NOW + 60).unwrap();
    builder.cert_type(kind).unwrap();
    change(&mut builder);
    builder.sign(&private(authority)).unwrap()
}

fn judge(certificate: &ssh_key::Certificate, lines: &str, now: u64) -> Verdict {
    known(lines).judge_certificate(certificate, "nas", now)
}

fn for_nas(builder: &mut certificate::Builder) {
    builder.valid_principal("nas").unwrap();
}

fn for_pve(builder: &mut certificate::Builder) {
    builder.valid_principal("pve").unwrap();
}

fn for_anybody(builder: &mut certificate::Builder) {
    builder.all_principals_valid().unwrap();
}

fn with_an_option(builder: &mut certificate::Builder) {
    for_nas(builder);
    builder.critical_option("verify-required", "").unwrap();
}

#[test]
fn a_certificate_of_a_known_authority_is_good() {
    let lines = format!("@cert-authority * {}\n", text(&key(9)));
    let certificate = certificate(9, CertType::Host, for_nas);

    assert_eq!(judge(&certificate, &lines, NOW), Verdict::Good);
}

#[rstest]
#[case::signed_by_another(8, CertType::Host, for_nas, NOW)]
#[case::too_old(9, CertType::Host, for_nas, NOW + 61)]
#[case::too_young(9, CertType::Host, for_nas, NOW - 61)]
#[case::another_host(9, CertType::Host, for_pve, NOW)]
#[case::any_host(9, CertType::Host, for_anybody, NOW)]
#[case::a_users(9, CertType::User, for_nas, NOW)]
#[case::an_option(9, CertType::Host, with_an_option, NOW)]
fn a_certificate_is_refused_for_each_thing_that_is_wrong_with_it(
    #[case] authority: u8,
    #[case] kind: CertType,
    #[case] change: Change,
    #[case] now: u64,
) {
    let lines = format!("@cert-authority * {}\n", text(&key(9)));

    let verdict = judge(&certificate(authority, kind, change), &lines, now);

    assert!(
        matches!(verdict, Verdict::BadCertificate { .. }),
        "{verdict:?}"
    );
}

#[rstest]
#[case::its_key(1)]
#[case::its_authority(9)]
fn a_certificate_with_something_revoked_is_refused(#[case] revoked: u8) {
    let (authority, revoked) = (text(&key(9)), text(&key(revoked)));
    let lines = format!("@cert-authority * {authority}\n@revoked * {revoked}\n");
    let certificate = certificate(9, CertType::Host, for_nas);

    assert_eq!(
        judge(&certificate, &lines, NOW),
        Verdict::Revoked { line: 2 }
    );
}

#[test]
fn an_unreadable_file_is_an_error_and_a_missing_one_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let host = HostName::new("nas", 22);

    let missing = Known::read(&folder.path().join("none"), &host).unwrap();

    assert!(!missing.file_is_there && missing.lines.is_empty());
    assert!(Known::read(folder.path(), &host).is_err());
}

#[test]
fn the_first_key_is_remembered_once_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, format!("pve {}", text(&key(5)))).unwrap();
    let host = HostName::new("NAS", 2222);

    assert_eq!(
        remember(&file, &host, &key(1), "r1").unwrap(),
        Remembered::Yes
    );
    let again = remember(&file, &host, &key(2), "r2").unwrap();

    assert_eq!(again, Remembered::HostIsKnown);
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        written,
        format!("pve {}\n[nas]:2222 {}\n", text(&key(5)), text(&key(1)))
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, "").unwrap();
    // The name of the new file is taken, so it cannot be made.
    std::fs::create_dir(folder.path().join("known_hosts.r.tmp")).unwrap();

    assert!(remember(&file, &HostName::new("nas", 22), &key(1), "r").is_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}
