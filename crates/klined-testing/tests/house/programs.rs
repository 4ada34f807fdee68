//! Every program of the workspace can be installed: `deploy/install.sh` lists them, and images and units follow its lists.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::written;

/// Programs that only images have, or nothing yet.
const NOT_INSTALLED: [&str; 2] = ["fx-generator", "fx-api"];

fn file(path: &str) -> String {
    std::fs::read_to_string(klined_testing::repository(path)).unwrap()
}

/// The words of each list of a script that has this name: `name=(one two)`, in order.
fn lists(script: &str, name: &str) -> Vec<Vec<String>> {
    let begin = format!("{name}=(");
    let list = |line: &str| line.trim().strip_prefix(&begin)?.strip_suffix(')').map(str::to_owned);
    script.lines().filter_map(list).map(|words| words.split_whitespace().map(str::to_owned).collect()).collect()
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<&'a str> {
    names.into_iter().map(String::as_str).collect()
}

/// Names of the programs that a manifest of Cargo declares.
fn declared(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.split("[[bin]]").skip(1).filter_map(|part| part.split('"').nth(1))
}

#[test]
fn every_program_is_one_that_the_installer_has_and_images_have_the_same() {
    let installer = file("deploy/install.sh");
    let (programs, extra) = (lists(&installer, "programs"), lists(&installer, "extra"));
    let ([market, exchange, relay], [market_extra, exchange_extra, relay_extra]) =
        (programs.as_slice(), extra.as_slice())
    else {
        panic!("install.sh has {programs:?} and {extra:?}")
    };
    assert!(relay_extra.is_empty());
    let manifests = written(&[".toml"]);
    let known: BTreeSet<&str> = manifests.iter().flat_map(|(_, text)| declared(text)).collect();
    let mut listed = sorted([market, exchange, relay, market_extra, exchange_extra].into_iter().flatten());
    listed.extend(NOT_INSTALLED);
    assert_eq!(listed, known);

    let dockerfile = file("deploy/Dockerfile");
    let (mut stage, mut copied) = ("", BTreeMap::<&str, BTreeSet<&str>>::new());
    for line in dockerfile.lines() {
        if let Some((_, name)) = line.strip_prefix("FROM ").and_then(|from| from.split_once(" AS ")) {
            stage = name;
        }
        for word in line.split_whitespace().filter(|_| line.starts_with("COPY --from")) {
            copied.entry(stage).or_default().extend(word.strip_prefix("/klined/target/release/"));
        }
    }
    assert_eq!(copied["klined"], sorted(market));
    assert_eq!(copied["exchange"], sorted([exchange, exchange_extra, relay].into_iter().flatten()));
}

#[test]
fn every_unit_is_installed_and_has_a_health_address_of_its_own() {
    let installer = file("deploy/install.sh");
    let all = ["units", "extra_units", "idle_units"].map(|name| lists(&installer, name)).concat().concat();
    let mut addresses = BTreeMap::new();
    for entry in std::fs::read_dir(klined_testing::repository("deploy/systemd")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(program) = name.strip_suffix(".service") else { continue };
        let is_listed = all.contains(&name) || NOT_INSTALLED.contains(&program);
        assert!(is_listed, "install.sh does not install {name}");
        let text = std::fs::read_to_string(&path).unwrap();
        let address = text.lines().find_map(|line| line.strip_prefix("Environment=KLINED_HEALTH_ADDR="));
        let other = addresses
            .insert(address.unwrap_or_else(|| panic!("{name} has no health address")).to_owned(), name.clone());
        assert_eq!(other, None, "two units have the health address of {name}");
    }
}
