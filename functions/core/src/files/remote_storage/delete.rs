//! DELETE of documents.

use crate::kernel::host::Host;
use http::request::Parts;
use http::{Response, header};
use protocol::AccountName;
use storage_adapter::{DocumentPath, ObjectStore};

use super::conditions::write_condition;
use crate::files::Files;
use crate::kernel::body::Body;
use crate::kernel::etag::quoted;
use crate::kernel::problem::Answer;

impl<S: ObjectStore, H: Host> Files<S, H> {
    pub(super) async fn delete_document(
        &self,
        parts: &Parts,
        account: &AccountName,
        path: &DocumentPath,
    ) -> Answer {
        let condition = write_condition(&parts.headers)?;
        let deleted = self
            .tree(account)
            .await?
            .delete(account, path, &condition)
            .await?;
        self.trim_kept(account).await;
        let mut response = Response::new(Body::empty());
        if let Ok(etag) = quoted(&deleted) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        Ok(response)
    }
}
