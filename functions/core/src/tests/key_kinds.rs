//! Every kind of record, found in the sources of their keys: a new one is a kind as soon as it has a key.

/// Where keys are defined.
const KERNEL: &str = include_str!("../kernel/keys.rs");
const WEBHOOKS: &str = include_str!("../webhooks/mod.rs");

/// Returns the patterns of all keys, `accounts/{account}/grants/{id}.json`; one that ends in `/` is a prefix.
pub(super) fn kinds() -> Vec<String> {
    let (_, webhooks) = WEBHOOKS.split_once("pub(crate) mod key {").unwrap();
    let lines = KERNEL.lines().chain(webhooks.lines());
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    let mut kinds: Vec<String> = code
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| text.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter(|text| text.contains('/') || text.ends_with(".json"))
        .map(str::to_owned)
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Whether a key is of a kind.
pub(super) fn is_of(key: &str, kind: &str) -> bool {
    let (beginning, kind) = match kind.strip_suffix('/') {
        Some(kind) => (true, kind),
        None => (false, kind),
    };
    let mut parts = key.split('/');
    let fits = kind.split('/').all(|pattern| {
        parts
            .next()
            .is_some_and(|part| match pattern.split_once('{') {
                None => part == pattern,
                Some((before, rest)) => {
                    let (_, after) = rest.rsplit_once('}').unwrap();
                    part.len() > before.len() + after.len()
                        && part.starts_with(before)
                        && part.ends_with(after)
                }
            })
    });
    fits && parts.next().is_some() == beginning
}

#[test]
fn kinds_are_read_from_the_sources() {
    let kinds = kinds();
    for kind in [
        "setup.json",
        "names/",
        "accounts/{account}/store.json",
        "accounts/{account}/grants/{id}.json",
        "accounts/{account}/deliveries/{hook}/{id}.json",
    ] {
        assert!(kinds.iter().any(|known| known == kind), "{kind}: {kinds:?}");
    }
    assert!(is_of("names/alice", "names/"));
    assert!(is_of(
        "accounts/a/grants/x.json",
        "accounts/{account}/grants/{id}.json"
    ));
    for other in [
        "accounts/a/grants/x",
        "accounts/a/grants/.json",
        "accounts/a/grants/x/y.json",
        "accounts/a/codes/x.json",
    ] {
        assert!(
            !is_of(other, "accounts/{account}/grants/{id}.json"),
            "{other}"
        );
    }
}
