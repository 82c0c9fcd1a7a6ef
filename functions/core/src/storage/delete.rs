//! DELETE of documents.

use crate::Host;
use http::request::Parts;
use http::{Response, header};
use model::AccountName;
use storage_adapter::{DocumentPath, ObjectStore, WriteCondition};

use super::conditions::write_condition;
use super::quoted;
use crate::Functions;
use crate::body::Body;
use crate::problem::{Answer, Failure};

impl<S: ObjectStore, H: Host> Functions<S, H> {
    pub(super) async fn delete_document(
        &self,
        parts: &Parts,
        account: &AccountName,
        path: &DocumentPath,
    ) -> Answer {
        let condition = write_condition(&parts.headers)?;
        if condition == WriteCondition::IfAbsent {
            return Err(Failure::bad_request("a DELETE does not take If-None-Match"));
        }
        let deleted = self
            .tree(account)
            .await?
            .delete(account, path, &condition)
            .await?;
        let mut response = Response::new(Body::empty());
        if let Ok(etag) = quoted(&deleted) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        Ok(response)
    }
}
