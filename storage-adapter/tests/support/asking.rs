//! Random requests of the tree's clients, and the results, in terms of the sequential model.

use std::collections::BTreeSet;

use bytes::Bytes;
use storage_adapter::{
    Change, DocumentRead, FolderRead, Host, Item, ObjectStore, Storage, TreeError, Version,
    WriteCondition,
};

use super::sequential::{Asked, Refusal, Said, Write};
use super::{Random, alice, body, collect, document, folder};

/// Documents that are also each other's folders, so that they conflict.
pub const PATHS: [&str; 7] = ["/m/a", "/m/f/b", "/m/f/c", "/m/f", "/m/f/c/d", "/r", "/r/x"];
/// All possible folders.
pub const FOLDERS: [&str; 4] = ["/", "/m/", "/m/f/", "/r/"];

/// More in one folder, so that it becomes ranges of small pages.
pub const MANY_PATHS: [&str; 11] = [
    "/m/f/c", "/m/f/a", "/m/a", "/m/b", "/m/f/b", "/m/f/d", "/m/f/e", "/m/f", "/m/g/h/i", "/m/c",
    "/r",
];
/// Their folders.
pub const MANY_FOLDERS: [&str; 4] = ["/", "/m/", "/m/f/", "/m/g/"];

fn refusal(error: &TreeError) -> Option<Refusal> {
    Some(match error {
        TreeError::NotFound => Refusal::NotFound,
        TreeError::Precondition { current } => Refusal::Precondition(current.clone()),
        TreeError::Conflict(_) => Refusal::Conflict,
        TreeError::Quota { .. } => Refusal::Quota,
        TreeError::Busy | TreeError::Store(_) => return None,
        other => panic!("not an answer to expect: {other}"),
    })
}

/// Sends a request to the tree; returns nothing if its outcome is unknown.
pub async fn ask<S: ObjectStore, H: Host>(tree: &Storage<S, H>, asked: &Asked) -> Said {
    let failed = |error: TreeError| refusal(&error).map_or(Said::Nothing, Said::Refused);
    match asked {
        Asked::Write(writes, quota) => {
            let result = match writes.as_slice() {
                [
                    Write {
                        path,
                        bytes: Some(bytes),
                        condition,
                    },
                ] => tree
                    .put(
                        &alice(),
                        &document(path),
                        "t",
                        body(bytes),
                        condition,
                        *quota,
                    )
                    .await
                    .map(|written| vec![(written.version, written.created)]),
                [
                    Write {
                        path,
                        bytes: None,
                        condition,
                    },
                ] => tree
                    .delete(&alice(), &document(path), condition)
                    .await
                    .map(|version| vec![(version, false)]),
                writes => {
                    let changes = writes.iter().cloned().map(|write| match write.bytes {
                        Some(bytes) => Change::Put {
                            path: document(write.path),
                            content_type: "t".to_owned(),
                            body: Bytes::from(bytes),
                            condition: write.condition,
                        },
                        None => Change::Delete {
                            path: document(write.path),
                            condition: write.condition,
                        },
                    });
                    tree.commit(&alice(), changes.collect(), *quota)
                        .await
                        .map(|all| {
                            all.into_iter()
                                .map(|one| (one.version, one.created))
                                .collect()
                        })
                }
            };
            result.map_or_else(failed, Said::Written)
        }
        Asked::Read(path) => match tree
            .read_document(&alice(), &document(path), &[], None)
            .await
        {
            Ok(DocumentRead::Found { info, body, .. }) => {
                Said::Read(Some((info.version, collect(body).await)))
            }
            Err(TreeError::NotFound) => Said::Read(None),
            Err(error) => failed(error),
            Ok(DocumentRead::NotModified(_)) => panic!("no condition was given"),
        },
        Asked::List(path) => match tree.read_folder(&alice(), &folder(path), &[]).await {
            Ok(FolderRead::Found(folder)) => {
                let items = folder.items.iter().map(|(name, item)| match item {
                    Item::Document(info) => (name.clone(), (info.version.clone(), false)),
                    Item::Folder(version) => (name.clone(), (version.clone(), true)),
                });
                Said::Listed(folder.version.clone(), items.collect())
            }
            Err(error) => failed(error),
            Ok(FolderRead::NotModified(_)) => panic!("no condition was given"),
        },
    }
}

/// Draws a request at random.
pub fn choose(random: &mut Random, quota: Option<u64>, known: &[Version]) -> Asked {
    choose_among(random, &PATHS, &FOLDERS, quota, known)
}

/// The same for other paths; the first three are written in one commit.
pub fn choose_among(
    random: &mut Random,
    paths: &[&'static str],
    folders: &[&'static str],
    quota: Option<u64>,
    known: &[Version],
) -> Asked {
    let write = |random: &mut Random, path| Write {
        path,
        bytes: (random.below(3) > 0).then(|| vec![random.next() as u8; 1 + random.below(4)]),
        condition: match random.below(8) {
            0 => WriteCondition::IfAbsent,
            1 => WriteCondition::IfExists,
            2 if !known.is_empty() => {
                WriteCondition::IfMatch(vec![known[random.below(known.len())].clone()])
            }
            3 if !known.is_empty() => {
                WriteCondition::IfNoneOf(vec![known[random.below(known.len())].clone()])
            }
            _ => WriteCondition::None,
        },
    };
    match random.below(10) {
        0..5 => {
            let path = paths[random.below(paths.len())];
            let write = write(random, path);
            // Deletions have no quota.
            let quota = quota.filter(|_| write.bytes.is_some());
            Asked::Write(vec![write], quota)
        }
        5 => {
            let chosen: BTreeSet<&'static str> = (0..2).map(|_| paths[random.below(3)]).collect();
            let mut writes: Vec<Write> =
                chosen.into_iter().map(|path| write(random, path)).collect();
            if let [only] = writes.as_slice() {
                writes = vec![
                    only.clone(),
                    Write {
                        path: "/m/a",
                        bytes: Some(vec![1]),
                        condition: WriteCondition::None,
                    },
                ];
            }
            Asked::Write(writes, quota)
        }
        6 | 7 => Asked::Read(paths[random.below(paths.len())]),
        _ => Asked::List(folders[random.below(folders.len())]),
    }
}
