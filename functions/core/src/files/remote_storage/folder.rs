//! GET and HEAD of folders: folder descriptions.

use crate::kernel::host::Host;
use http::request::Parts;
use http::{HeaderValue, Response, header};
use protocol::AccountName;
use storage_adapter::{FolderPath, FolderRead, ObjectStore};

use super::conditions::Tags;
use super::get::not_modified;
use super::set_common;
use crate::files::Files;
use crate::files::listings::{Rendered, render};
use crate::kernel::body::Body;
use crate::kernel::problem::Answer;

const LD_JSON: HeaderValue = HeaderValue::from_static("application/ld+json");

impl<S: ObjectStore, H: Host> Files<S, H> {
    pub(super) async fn get_folder(
        &self,
        parts: &Parts,
        account: &AccountName,
        path: &FolderPath,
        public: bool,
    ) -> Answer {
        let matching = Tags::read(&parts.headers, header::IF_MATCH)?;
        let tags = Tags::read(&parts.headers, header::IF_NONE_MATCH)?;
        let any = tags == Tags::Any;
        let asked = tags.versions(false);
        let cached = self.listings.get(account, path);
        let mut known = asked.clone();
        known.extend(cached.iter().map(|cached| cached.version.clone()));
        let read = self
            .tree(account)
            .await?
            .read_folder(account, path, &known)
            .await?;
        let rendered = match (read, cached) {
            (FolderRead::NotModified(version), _) if any || asked.contains(&version) => {
                matching.check_match(&version)?;
                return Ok(not_modified(&version, public));
            }
            (FolderRead::NotModified(version), Some(cached)) if cached.version == version => cached,
            (FolderRead::NotModified(_), _) => {
                // Unreachable: only versions that were asked about are "not modified".
                let read = self
                    .tree(account)
                    .await?
                    .read_folder(account, path, &[])
                    .await?;
                let FolderRead::Found(folder) = read else {
                    return Err(crate::kernel::problem::Failure::busy("please try again"));
                };
                Rendered {
                    version: folder.version.clone(),
                    bytes: render(&folder),
                }
            }
            (FolderRead::Found(folder), _) if any => {
                matching.check_match(&folder.version)?;
                return Ok(not_modified(&folder.version, public));
            }
            (FolderRead::Found(folder), _) => {
                let rendered = Rendered {
                    version: folder.version.clone(),
                    bytes: render(&folder),
                };
                self.listings.insert(account, path, rendered.clone());
                rendered
            }
        };
        matching.check_match(&rendered.version)?;
        let length = rendered.bytes.len();
        let mut response = Response::new(Body::from(rendered.bytes));
        let headers = response.headers_mut();
        set_common(headers, &rendered.version, public);
        headers.insert(header::CONTENT_TYPE, LD_JSON);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Ok(response)
    }
}
