//! Reactions, edits and deletions.

use gateway::{Attached, Audience, RequestId};
use protocol::{Activity, ActivityObject, MessageType};

use super::{Dummy, Gone};

impl Dummy {
    /// Does something to a message that was said: the person at the other end has nothing against it.
    pub(super) async fn relate(
        &self,
        request: RequestId,
        socket: Attached,
        mut activity: Activity,
    ) -> Result<(), Gone> {
        let line = match self.place(&mut activity) {
            Ok(line) => line,
            Err(error) => return self.done(request, Err(error)).await,
        };
        let mut entry = self.entry(&line);
        match &activity.object {
            Some(ActivityObject::Reaction(reaction)) => {
                entry.kind = MessageType::Reaction;
                entry.about.clone_from(&reaction.in_reply_to);
                entry.emoji.clone_from(&reaction.content);
                entry.removed = activity.kind == "remove";
            }
            Some(ActivityObject::Message(text)) if activity.kind == "update" => {
                entry.kind = MessageType::Edit;
                entry.about.clone_from(&text.id);
                entry.text = text.content.clone().unwrap_or_default();
            }
            Some(ActivityObject::Message(text)) if activity.kind == "delete" => {
                entry.kind = MessageType::Deletion;
                entry.about.clone_from(&text.id);
            }
            _ => {
                let error = format!("platform {} cannot do that.", self.descriptor.id);
                return self.done(request, Err(error)).await;
            }
        }
        let others = Audience::Except(socket.socket);
        self.put_record(activity.clone(), others, &line, entry)
            .await?;
        self.done(request, Ok(activity)).await
    }
}
