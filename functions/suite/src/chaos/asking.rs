//! Random requests of writers over HTTP, and the responses, in terms of the sequential model.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use storage_adapter::{Version, WriteCondition};

use super::sequential::{Asked, Refusal, Said, Write};
use super::{Instances, Listed};
use crate::Random;

/// Documents that are also each other's folders, so that they conflict.
pub(super) const PATHS: [&str; 7] = ["/m/a", "/m/f/b", "/m/f/c", "/m/f", "/m/f/c/d", "/r", "/r/x"];
/// All possible folders.
pub(super) const FOLDERS: [&str; 5] = ["/", "/m/", "/m/f/", "/m/f/c/", "/r/"];

/// Versions that were returned to somebody, with their documents.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Vec<(&'static str, Version, Vec<u8>)>>);

impl Known {
    fn learn(&self, path: &'static str, version: &Version, bytes: &[u8]) {
        let entry = (path, version.clone(), bytes.to_vec());
        self.0.lock().unwrap().push(entry);
    }

    fn any(&self, random: &mut Random) -> Option<Version> {
        let known = self.0.lock().unwrap();
        let draw = random.draw();
        let count = u64::try_from(known.len()).unwrap();
        let at = usize::try_from(draw.checked_rem(count)?).unwrap();
        known.get(at).map(|(_, version, _)| version.clone())
    }

    fn of(&self, path: &str) -> Option<(Version, Vec<u8>)> {
        let known = self.0.lock().unwrap();
        let last = known.iter().rev().find(|(of, ..)| *of == path);
        last.map(|(_, version, bytes)| (version.clone(), bytes.clone()))
    }
}

/// A request, and the version that the client already has.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) asked: Asked,
    has: Option<(Version, Vec<u8>)>,
}

impl Question {
    pub(super) fn plain(asked: Asked) -> Self {
        Self { asked, has: None }
    }
}

/// Draws a request at random.
pub(super) fn choose(random: &mut Random, known: &Known) -> Question {
    let path = PATHS[random.below(PATHS.len())];
    let has = known.of(path);
    match random.below(10) {
        0..6 => {
            let bytes = (random.below(3) > 0).then(|| format!("{:x}", random.draw()).into_bytes());
            let condition = match random.below(8) {
                // DELETE does not support this condition.
                0 if bytes.is_some() => WriteCondition::IfAbsent,
                1 => WriteCondition::IfExists,
                // Mostly one that this document has or had.
                2 | 3 => match has
                    .map(|(version, _)| version)
                    .or_else(|| known.any(random))
                {
                    Some(version) => WriteCondition::IfMatch(vec![version]),
                    None => WriteCondition::None,
                },
                4 => match known.any(random) {
                    Some(version) => WriteCondition::IfMatch(vec![version]),
                    None => WriteCondition::None,
                },
                _ => WriteCondition::None,
            };
            let write = Write {
                path,
                bytes,
                condition,
            };
            Question::plain(Asked::Write(vec![write], None))
        }
        6 => Question::plain(Asked::Read(path)),
        // A poll: "not modified" is as good as the whole document.
        7 => Question {
            asked: Asked::Read(path),
            has,
        },
        _ => Question::plain(Asked::List(FOLDERS[random.below(FOLDERS.len())])),
    }
}

/// Sends requests for one account to two instances.
pub(super) struct Asker<I> {
    pub(super) instances: Arc<I>,
    pub(super) client: Client,
    pub(super) account: String,
    pub(super) token: String,
    pub(super) known: Known,
}

impl<I: Instances> Asker<I> {
    /// Sends a request to one of them; returns nothing if it is unknown whether it was carried out.
    ///
    /// # Panics
    ///
    /// If the response does not belong to the request.
    pub(super) async fn ask(&self, which: usize, question: &Question, patience: Duration) -> Said {
        let (method, path) = match &question.asked {
            Asked::Write(writes, _) => match writes.as_slice() {
                [write] if write.bytes.is_some() => ("PUT", write.path),
                [write] => ("DELETE", write.path),
                _ => panic!("there is no request for several writes"),
            },
            Asked::Read(path) | Asked::List(path) => ("GET", *path),
        };
        let target = format!("/storage/{}{path}", self.account);
        let mut request = self
            .instances
            .request(&self.client, which, method, &target)
            .bearer_auth(&self.token)
            .timeout(patience);
        if let Asked::Write(writes, _) = &question.asked {
            let write = &writes[0];
            request = match &write.condition {
                WriteCondition::None => request,
                WriteCondition::IfAbsent => request.header(IF_NONE_MATCH, "*"),
                WriteCondition::IfExists => request.header(IF_MATCH, "*"),
                WriteCondition::IfMatch(versions) => {
                    request.header(IF_MATCH, format!("\"{}\"", versions[0].0))
                }
                WriteCondition::IfNoneOf(versions) => {
                    request.header(IF_NONE_MATCH, format!("\"{}\"", versions[0].0))
                }
            };
            if let Some(bytes) = &write.bytes {
                request = request.header(CONTENT_TYPE, "text/plain");
                request = request.body(bytes.clone());
            }
        }
        if let Some((version, _)) = &question.has {
            request = request.header(IF_NONE_MATCH, format!("\"{}\"", version.0));
        }
        let Ok(response) = request.send().await else {
            return Said::Nothing;
        };
        let (status, version) = (response.status(), version(&response));
        let Ok(body) = response.bytes().await else {
            return match &question.asked {
                // The head of the response is sufficient.
                Asked::Write(..) => self.understand(question, status, version, &[]),
                _ => Said::Nothing,
            };
        };
        self.understand(question, status, version, &body)
    }

    fn understand(
        &self,
        question: &Question,
        status: StatusCode,
        version: Option<Version>,
        body: &[u8],
    ) -> Said {
        let code = status.as_u16();
        match (&question.asked, code, version) {
            // Temporarily unavailable: the store fails, or there are too many concurrent writes.
            (_, 502..=504, _) => Said::Nothing,
            (Asked::Write(writes, _), 200 | 201, Some(version)) => {
                if let Some(bytes) = &writes[0].bytes {
                    self.known.learn(writes[0].path, &version, bytes);
                }
                Said::Written(vec![(version, code == 201)])
            }
            (Asked::Write(..), 404, _) => Said::Refused(Refusal::NotFound),
            (Asked::Write(..), 409, _) => Said::Refused(Refusal::Conflict),
            (Asked::Write(..), 412, current) => Said::Refused(Refusal::Precondition(current)),
            (Asked::Read(path), 200, Some(version)) => {
                self.known.learn(path, &version, body);
                Said::Read(Some((version, body.to_vec())))
            }
            (Asked::Read(_), 304, Some(version)) => match &question.has {
                Some((known, bytes)) if *known == version => {
                    Said::Read(Some((version, bytes.clone())))
                }
                _ => panic!(
                    "\"not modified\", but to {version:?} from {:?}",
                    question.has
                ),
            },
            (Asked::Read(_), 404, _) => Said::Read(None),
            (Asked::List(_), 200, Some(version)) => Said::Listed(version, listed(body)),
            (asked, ..) => panic!(
                "{asked:?} was answered with {status}: {}",
                String::from_utf8_lossy(body)
            ),
        }
    }
}

/// The version in a response, which is never weak.
fn version(response: &Response) -> Option<Version> {
    let tag = response.headers().get(ETAG)?.to_str().unwrap();
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    Some(Version(
        inner
            .unwrap_or_else(|| panic!("a weak version: {tag}"))
            .to_owned(),
    ))
}

fn listed(body: &[u8]) -> Listed {
    let listing: Value = serde_json::from_slice(body).unwrap();
    let items = listing["items"].as_object().unwrap().iter();
    items
        .map(|(name, item)| {
            let version = Version(item["ETag"].as_str().unwrap().to_owned());
            match name.strip_suffix('/') {
                Some(name) => (name.to_owned(), (version, true)),
                None => (name.clone(), (version, false)),
            }
        })
        .collect()
}
