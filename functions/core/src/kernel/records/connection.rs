//! Connections as stored. A channel's key is a secret like the password, so it is stored encrypted in place of the key:
//! `#channel sealed:v1.…`. Everywhere else in the functions it is in clear text. So is a secret among the platform's
//! fields: `{"sealed": "v1.…"}` in the store, `{"clear": "…"}` elsewhere. No other field is an object, so whoever passes a
//! connection on needs no descriptor to find its secrets.
//!
//! Records of earlier versions have keys in clear text. They are read as they are, and encrypted when the record is
//! next written.

use protocol::{AccountName, CLEAR, Connection};
use serde_json::json;
use storage_adapter::{ETag, MaybeSend, ObjectStore, StoreError};

use super::swap::Edit;
use crate::kernel::Kernel;
use crate::kernel::fields::MAX_KEY;
use crate::kernel::host::Host;
use crate::kernel::keys;

/// The prefix of an encrypted key.
const SEALED: &str = "sealed:";

/// The member of a field that has its encrypted secret.
const SEALED_FIELD: &str = "sealed";

/// Returns the ciphertext if the key is encrypted. A clear-text key may begin alike, but is never as long: a nonce and
/// a tag alone exceed the limit of a key.
fn sealed(key: &str) -> Option<&str> {
    key.strip_prefix(SEALED).filter(|_| key.len() > MAX_KEY)
}

/// What the encryption of a channel's key, or of a field, is bound to: no channel is called like a field. The password's is bound to the connection alone, so neither can
/// be decrypted in place of the other.
fn context(connection: &str, channel: &str) -> String {
    format!("{connection}\n{channel}")
}

/// Replaces secrets among the fields by what `change` makes of them, if anything: those that it can do nothing with stay.
fn turn(
    connection: &mut Connection,
    [from, to]: [&str; 2],
    change: impl Fn(&str, &str) -> Option<String>,
) {
    let id = &connection.id;
    for (name, value) in &mut connection.fields {
        if let Some(text) = value[from].as_str()
            && let Some(changed) = change(&context(id, name), text)
        {
            *value = json!({ to: changed });
        }
    }
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Reads a connection; `None` if there is none. The password stays encrypted.
    pub(crate) async fn load_connection(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<Option<(Connection, ETag)>, StoreError> {
        let key = keys::connection(account, id);
        let Some((mut connection, etag)) = self.load(&key).await? else {
            return Ok(None);
        };
        self.open_channels(account, &mut connection);
        Ok(Some((connection, etag)))
    }

    /// Reads all readable connections of an account. Passwords stay encrypted.
    pub(crate) async fn load_connections(
        &self,
        account: &AccountName,
    ) -> Result<Vec<Connection>, StoreError> {
        let mut connections = self.load_all(&keys::connections(account)).await?;
        for connection in &mut connections {
            self.open_channels(account, connection);
        }
        Ok(connections)
    }

    /// Changes a connection by compare-and-swap; `None` if there is none.
    pub(crate) async fn edit_connection<R: MaybeSend>(
        &self,
        account: &AccountName,
        id: &str,
        mut change: impl FnMut(&mut Connection) -> Edit<R> + MaybeSend,
    ) -> Result<Option<R>, StoreError> {
        let key = keys::connection(account, id);
        let edited = self.edit::<Connection, R>(&key, |connection| {
            let unopened = self.open_channels(account, connection);
            let edit = change(connection);
            if let Edit::Write(_) = &edit {
                self.seal_channels(account, connection, &unopened);
            }
            edit
        });
        edited.await
    }

    /// Returns a new connection in the form in which it is stored.
    pub(crate) fn sealed_connection(
        &self,
        account: &AccountName,
        connection: &Connection,
    ) -> Connection {
        let mut connection = connection.clone();
        self.seal_channels(account, &mut connection, &[]);
        connection
    }

    /// Decrypts the keys of channels. A channel whose key was encrypted with another master key, or for another
    /// channel, is left without one; its original entry is returned.
    fn open_channels(&self, account: &AccountName, connection: &mut Connection) -> Vec<String> {
        turn(connection, [SEALED_FIELD, CLEAR], |context, sealed| {
            self.keys.open(account, context, sealed).ok()
        });
        let mut unopened = Vec::new();
        for entry in &mut connection.channels {
            let Some((name, key)) = entry.split_once(' ') else {
                continue;
            };
            let Some(sealed) = sealed(key) else {
                continue;
            };
            let context = context(&connection.id, name);
            *entry = match self.keys.open(account, &context, sealed) {
                Ok(key) => format!("{name} {key}"),
                Err(_) => {
                    let name = name.to_owned();
                    unopened.push(std::mem::take(entry));
                    name
                }
            };
        }
        unopened
    }

    /// Encrypts the keys of channels. A channel without a key gets its undecryptable entry back: it becomes useful
    /// again with the master key that encrypted it.
    fn seal_channels(
        &self,
        account: &AccountName,
        connection: &mut Connection,
        unopened: &[String],
    ) {
        turn(connection, [CLEAR, SEALED_FIELD], |context, clear| {
            let sealed = self.keys.seal(account, context, clear, self.random());
            // Better lost than in clear text.
            Some(sealed.unwrap_or_default())
        });
        for entry in &mut connection.channels {
            let Some((name, key)) = entry.split_once(' ') else {
                let same = |old: &&String| old.split(' ').next() == Some(entry.as_str());
                if let Some(old) = unopened.iter().find(same) {
                    old.clone_into(entry);
                }
                continue;
            };
            let context = context(&connection.id, name);
            *entry = match self.keys.seal(account, &context, key, self.random()) {
                Ok(sealed) => format!("{name} {SEALED}{sealed}"),
                // Better without its key than with the key in clear text.
                Err(_) => name.to_owned(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::PRIVATE_CONNECTION;
    use storage_adapter::PutMode;

    use super::*;
    use crate::testing::{TestFunctions, block_on, functions};

    /// Alice's private connection, with these channels in its record.
    fn with_channels(channels: &[&str]) -> (TestFunctions, AccountName) {
        let functions = functions();
        functions.sign_up("alice");
        let alice: AccountName = "alice".parse().unwrap();
        put(&functions, &alice, channels);
        (functions, alice)
    }

    fn put(functions: &TestFunctions, account: &AccountName, channels: &[&str]) {
        let mut record = stored(functions, account);
        record.channels = channels.iter().map(|&entry| entry.to_owned()).collect();
        let key = keys::connection(account, PRIVATE_CONNECTION);
        block_on(functions.kernel.store(&key, &record, PutMode::Overwrite)).unwrap();
    }

    /// The stored record.
    fn stored(functions: &TestFunctions, account: &AccountName) -> Connection {
        let key = keys::connection(account, PRIVATE_CONNECTION);
        block_on(functions.kernel.load(&key)).unwrap().unwrap().0
    }

    fn read(functions: &TestFunctions, account: &AccountName) -> Vec<String> {
        let found = block_on(
            functions
                .kernel
                .load_connection(account, PRIVATE_CONNECTION),
        );
        found.unwrap().unwrap().0.channels
    }

    fn edit(functions: &TestFunctions, account: &AccountName) {
        let edited = functions
            .kernel
            .edit_connection(account, PRIVATE_CONNECTION, |connection| {
                connection.channels.push("#new".to_owned());
                Edit::Write(())
            });
        block_on(edited).unwrap().unwrap();
    }

    #[test]
    fn keys_in_clear_are_read_and_sealed_with_the_next_write() {
        // One of them looks encrypted, but is not.
        let old = ["#a", "#b hunter2", "#c sealed:v1.x"];
        let (functions, alice) = with_channels(&old);
        assert_eq!(read(&functions, &alice), old);
        assert_eq!(stored(&functions, &alice).channels, old);
        edit(&functions, &alice);
        let written = stored(&functions, &alice).channels;
        assert_eq!((&*written[0], &*written[3]), ("#a", "#new"));
        assert!(written[1].starts_with("#b sealed:v1."), "{written:?}");
        assert!(written[2].starts_with("#c sealed:v1."), "{written:?}");
        assert!(!functions.dump().contains("hunter2"));
        assert_eq!(read(&functions, &alice), [&old[..], &["#new"]].concat());
    }

    #[test]
    fn a_key_opens_for_its_channel_only_and_is_kept_if_it_does_not_open() {
        let (functions, alice) = with_channels(&["#a hunter2"]);
        edit(&functions, &alice);
        let sealed = stored(&functions, &alice).channels.swap_remove(0);
        // The same as with another master key.
        let moved = sealed.replace("#a ", "#b ");
        let password = stored(&functions, &alice).password.unwrap();
        let password = format!("#c {SEALED}{password}");
        put(&functions, &alice, &[&moved, &password]);
        assert_eq!(read(&functions, &alice), ["#b", "#c"]);
        edit(&functions, &alice);
        assert_eq!(
            stored(&functions, &alice).channels,
            [moved, password, "#new".to_owned()]
        );
    }
}
