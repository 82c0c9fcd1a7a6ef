//! `/connector/outbox`: a connector fetches its tasks and reports which are done.

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use protocol::{Outbox, OutboxReceipt, OutboxTask};
use storage_adapter::{ObjectStore, StoreError};

use crate::Functions;
use crate::kernel::config::Connector;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, parse_json, query};

/// The most tasks in one response.
const MAX_TASKS: usize = 50;
/// The most outcomes in one receipt.
const MAX_OUTCOMES: usize = 1_000;

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// `GET /connector/outbox[?after=…]`.
    pub(crate) async fn get_outbox(&self, connector: &Connector, parts: &Parts) -> Answer {
        let after = query(parts, "after");
        if let Some(after) = &after {
            check_id(after)?;
        }
        let (items, more) = self
            .connectors
            .tasks(connector, after.as_deref(), MAX_TASKS)
            .await?;
        Ok(answer(StatusCode::OK, &Outbox { items, more }))
    }

    /// `POST /connector/outbox`: the tasks leave the queue.
    pub(crate) async fn post_outbox(&self, connector: &Connector, body: &Bytes) -> Answer {
        let receipt: OutboxReceipt = parse_json(body)?;
        if receipt.done.len() + receipt.refused.len() > MAX_OUTCOMES {
            return Err(Failure::unprocessable(format!(
                "a receipt takes at most {MAX_OUTCOMES} outcomes; send them in several"
            )));
        }
        let done = receipt.done.iter().map(|id| (id, None));
        let refused = receipt.refused.iter();
        let refused = refused.map(|refused| (&refused.id, Some(refused.reason.as_str())));
        for (id, reason) in done.chain(refused) {
            check_id(id)?;
            let key = keys::task(&connector.id, id);
            let item = match self.connectors.task(&key).await {
                // The task is done nevertheless; what it was made from is no longer known.
                Err(StoreError::Damaged(_)) => None,
                item => item?,
            };
            if let Some(item) = item {
                // Recorded before the task is removed: a repeat of the original request finds one or the other.
                match &item.task {
                    OutboxTask::Say(say) => self.webhooks.note_outcome(say, reason).await?,
                    // Its outcome is reported later, by `mail/outcome`.
                    OutboxTask::Mail(_) => {}
                    // Published messages are in the archive.
                    OutboxTask::Publish(_) => {}
                }
            }
            self.kernel.storage().store().delete(&key).await?;
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

fn check_id(id: &str) -> Result<(), Failure> {
    let good = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    good.then_some(()).ok_or_else(|| {
        let shown: String = id.chars().take(60).collect();
        Failure::unprocessable(format!("\"{shown}\" is not the id of a task"))
    })
}

#[cfg(test)]
mod tests {
    use protocol::{OutboxTask, Say};
    use serde_json::{Value, json};

    use crate::testing::{TestFunctions, block_on, functions};

    fn signed(f: &TestFunctions, method: &str, body: &Value) -> crate::testing::Reply {
        signed_at(f, method, "/connector/outbox", body)
    }

    fn signed_at(
        f: &TestFunctions,
        method: &str,
        target: &str,
        body: &Value,
    ) -> crate::testing::Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        f.signed("irc-1", method, target, body)
    }

    #[test]
    fn a_task_stays_until_it_is_done() {
        let f = functions();
        let connector = f.kernel.config().connectors[0].clone();
        let say = |text: &str| {
            OutboxTask::Say(Say {
                account: "alice".parse().unwrap(),
                connection: "c1".to_owned(),
                target: "#lobby".to_owned(),
                from: "GitHub".to_owned(),
                lines: vec![text.to_owned()],
                notice: true,
                source: None,
            })
        };
        let first = f.connectors.task_id();
        f.host().advance(1);
        let second = f.connectors.task_id();
        block_on(f.connectors.enqueue(&connector, &second, say("two"))).unwrap();
        block_on(f.connectors.enqueue(&connector, &first, say("one"))).unwrap();
        block_on(f.connectors.enqueue(&connector, &first, say("again"))).unwrap();
        let reply = signed(&f, "GET", &Value::Null);
        assert_eq!(reply.status, 200, "{reply:?}");
        let items = reply.json()["items"].clone();
        assert_eq!(items[0]["lines"], json!(["one"]));
        assert_eq!(items[0]["task"], "say");
        assert_eq!(items[1]["id"], json!(second));
        let rest = format!("/connector/outbox?after={first}");
        let rest = signed_at(&f, "GET", &rest, &Value::Null).json()["items"].clone();
        assert_eq!(rest.as_array().unwrap().len(), 1);
        assert_eq!(rest[0]["id"], json!(second));
        let reply = signed(&f, "POST", &json!({"done": [first]}));
        assert_eq!(reply.status, 204, "{reply:?}");
        let left = signed(&f, "GET", &Value::Null).json()["items"].clone();
        assert_eq!(left.as_array().unwrap().len(), 1);
        assert_eq!(left[0]["lines"], json!(["two"]));
        let refused = signed(&f, "POST", &json!({"done": ["../x"]}));
        assert_eq!(refused.status, 422);
        assert!(refused.detail().contains("../x"));
    }
}
