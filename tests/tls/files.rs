//! Files that are no use: each is said with the setting's line and how to mend it, before anything listens.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::certificates::{Authority, Kind, Pair, run};
use super::client::{Said, with_input};
use super::gateway;
use super::support::Backend;

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.issue("good", "DNS:localhost");
    let foreign = other.issue("foreign", "DNS:localhost");
    let short = authority.issue_as("short", "DNS:localhost", Kind::ShortRsa, 365);
    let rsa = authority.issue_as("rsa", "DNS:localhost", Kind::Rsa, 365);
    let write = |name: &str, content: &[u8]| {
        let path = authority.path(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let read = |path: &Path| std::fs::read(path).unwrap();
    let empty = write("empty.pem", b"\n");
    let text = write("text.pem", b"not a certificate\n");
    let damaged = write("damaged.pem", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n");
    let no_der = write("no-der.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let reversed = write("reversed.pem", &[read(&authority.ca()), read(&good.certificate)].concat());
    let two_keys = write("two.key", &[read(&good.key), read(&foreign.key)].concat());
    let (encrypted, older) = (authority.path("encrypted.key"), authority.path("older.key"));
    let pass = ["-aes128", "-passout", "pass:secret"];
    run(Command::new("openssl").args(["pkey", "-in"]).arg(&good.key).args(pass).arg("-out").arg(&encrypted));
    run(Command::new("openssl").args(["rsa", "-traditional", "-in"]).arg(&rsa.key).args(pass).arg("-out").arg(&older));
    let pair = |certificate: &Path, key: &Path| Pair { certificate: certificate.to_owned(), key: key.to_owned() };
    let missing = PathBuf::from("/nowhere/c.pem");

    let cases = [
        (pair(&good.certificate, &foreign.key), "foreign.key does not belong to the certificate", "print the same for a pair"),
        (pair(&reversed, &good.key), "belongs to a certificate that is not the first in", "the server's own certificate first"),
        (pair(&good.certificate, &encrypted), "encrypted.key is encrypted", "openssl pkey -in OLD -out NEW"),
        (pair(&rsa.certificate, &older), "older.key is encrypted", "openssl pkey -in OLD -out NEW"),
        (pair(&good.certificate, &two_keys), "two.key holds 2 private keys", "leave the one of the certificate"),
        (pair(&good.certificate, &good.certificate), "holds a certificate and no key", "see whether the two files are exchanged"),
        (pair(&good.certificate, &text), "text.pem holds no PEM private key", "-----BEGIN PRIVATE KEY-----"),
        (pair(&good.certificate, &empty), "the key", "empty.pem is empty"),
        (pair(&good.key, &good.key), "holds a private key and no certificate", "see whether the two files are exchanged"),
        (pair(&empty, &good.key), "empty.pem is empty", "put the server's certificate there"),
        (pair(&text, &good.key), "text.pem holds no PEM certificate", "openssl x509 -inform der"),
        (pair(&damaged, &good.key), "damaged.pem is damaged", "copy the file again"),
        (pair(&no_der, &good.key), "no-der.pem is damaged", "copy the file again"),
        (pair(&missing, &good.key), "c.pem can't be read: No such file or directory", "check the path"),
        (pair(&authority.path(""), &good.key), "can't be read: it is no regular file", "name a PEM file"),
        (short, "short.key can't be used", "RSA of 2048 to 8192 bits"),
    ];
    for (pair, wrong, mend) in cases {
        let tls = format!("{{ {} }}", pair.yaml());
        let said = check(&tls);
        let line = said.out.lines().find(|line| line.contains(wrong)).unwrap_or_else(|| panic!("{wrong}: {said:?}"));
        assert!(line.starts_with("error: ") && line.contains("countersign.yaml:7: ") && line.contains(mend), "{line}");
        assert!(!said.succeeded && !said.out.contains("secret"), "{said:?}");
    }
    let bad_ca = format!("{{ {}, client_ca: {} }}", good.yaml(), text.display());
    let said = check(&bad_ca);
    assert!(said.out.contains("countersign.yaml:7: the authorities' certificates") && !said.succeeded, "{said:?}");
    // All problems at once, those of consumers.yaml too.
    let both = format!("[{{ {} }}, {{ {} }}]", pair(&empty, &good.key).yaml(), pair(&good.certificate, &empty).yaml());
    assert_eq!(check(&both).out.matches("error: ").count(), 2);
}

#[test]
fn a_gateway_does_not_start_with_a_pair_that_does_not_fit() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.issue("good", "DNS:localhost");
    let pair = Pair { key: other.issue("other", "DNS:localhost").key, ..good };
    let (status, said) = gateway(&Backend::start(), &format!("{{ {} }}", pair.yaml())).start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("countersign.yaml:7: the key ") && said.contains("does not belong to the certificate"), "{said}");
}

#[test]
fn a_certificate_that_expires_soon_or_has_expired_is_warned_of() {
    let authority = Authority::new();
    let backend = Backend::start();
    let soon = authority.issue_as("soon", "DNS:localhost", Kind::Ecdsa, 10);
    let late = authority.issue_expired("late", "DNS:localhost");
    let fine = authority.issue_as("fine", "DNS:localhost", Kind::Ecdsa, 60);
    for (pair, wanted) in [(&soon, "soon.pem expires on 20"), (&late, "late.pem expired on 2021-01-01T00:00:00Z, ")] {
        let tls = format!("{{ {} }}", pair.yaml());
        let said = check(&tls);
        let line = said.out.lines().find(|line| line.contains(wanted)).unwrap_or_else(|| panic!("{wanted}: {said:?}"));
        assert!(line.starts_with("warning: ") && line.contains("countersign.yaml:7: ") && line.contains("renew it"), "{line}");
        assert!(said.succeeded, "a warning is no error: {said:?}");
        let gateway = gateway(&backend, &tls).start();
        let line = gateway.wait_for_line(wanted);
        assert!(line.contains("WARN"), "{line}");
        // A change of another setting, and the certificate is as old as it was.
        let seen = gateway.count_lines(wanted);
        let file = gateway.folder().join("countersign.yaml");
        let text = std::fs::read_to_string(&file).unwrap().replace("/open/**", "/opened/**");
        std::fs::write(file, text).unwrap();
        super::support::eventually("said again after a reload", || (gateway.count_lines(wanted) > seen).then_some(()));
    }
    let said = check(&format!("{{ {} }}", fine.yaml()));
    assert!(!said.out.contains("expire") && said.succeeded, "{said:?}");
}

#[test]
fn a_reload_fails_for_a_key_that_does_not_fit_and_is_well_again_with_the_old_one() {
    let (authority, other) = (Authority::new(), Authority::new());
    let pair = authority.issue("pair", "DNS:localhost");
    let gateway = gateway(&Backend::start(), &format!("{{ {} }}", pair.yaml())).start();
    let reload = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        with_input(command.args(["reload", "--config"]).arg(gateway.folder().join("countersign.yaml")), b"")
    };
    let fitting = std::fs::read(&pair.key).unwrap();
    std::fs::copy(other.issue("other", "DNS:localhost").key, &pair.key).unwrap();
    for _ in 0..2 {
        let said = reload();
        let told = format!("{said:?}");
        assert!(!said.succeeded && told.contains("does not belong to the certificate"), "{told}");
    }
    std::fs::write(&pair.key, fitting).unwrap();
    let said = reload();
    assert!(said.succeeded, "{said:?}");
}

fn check(tls: &str) -> Said {
    let folder = gateway(&Backend::start(), tls).write();
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    with_input(command.args(["check", "--config"]).arg(folder.path().join("countersign.yaml")), b"")
}
