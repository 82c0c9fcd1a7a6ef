//! Access control (draft-dejong-remotestorage-26, sections 9 and 10).

use crate::kernel::host::Host;
use http::HeaderMap;
use protocol::{Access, AccountName, GrantKind};
use storage_adapter::{ItemPath, ObjectStore};

use crate::files::Files;
use crate::kernel::guard::ClientAddress;
use crate::kernel::problem::Failure;

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Checks that the request may access the item, before the storage is touched.
    pub(super) async fn authorize_storage(
        &self,
        headers: &HeaderMap,
        account: Option<&AccountName>,
        item: &ItemPath,
        access: Access,
        client: ClientAddress,
    ) -> Result<(), Failure> {
        let document = matches!(item, ItemPath::Document(_));
        if document && item.is_public() && access == Access::Read {
            return Ok(());
        }
        let held = self.identity.bearer(headers, client).await?;
        if Some(&held.account) != account {
            return Err(Failure::forbidden(
                "the token belongs to another account than this storage",
            ));
        }
        let (GrantKind::App, Some(scopes)) = (held.grant.kind, &held.grant.scopes) else {
            return Err(Failure::forbidden(
                "this token does not open the storage; use an app's token",
            ));
        };
        let module = item.module();
        if scopes.allow(module, access) {
            return Ok(());
        }
        let needed = match access {
            Access::Read => "r",
            Access::ReadWrite => "rw",
        };
        Err(Failure::forbidden(format!(
            "the token's scopes do not allow this; it takes {}:{needed}",
            module.unwrap_or("*")
        )))
    }
}
