//! The mail connector's requests to the functions.

use bytes::Bytes;
use protocol::{DigestsAnswer, MailAddressAnswer, MailArrival, MailOutcome, Timestamp, paths};
use reqwest::Method;
use serde::de::IgnoredAny;
use url::form_urlencoded::Serializer;

use crate::client::{FunctionsClient, FunctionsError, to_json};

impl FunctionsClient {
    /// Looks up a mail address: `GET /connector/addresses`.
    ///
    /// # Errors
    /// See [`FunctionsError`]; that an address does not exist is a response, not an error.
    pub async fn mail_address(&self, address: &str) -> Result<bool, FunctionsError> {
        let query = query(&[("address", address)]);
        let path = format!("{}?{query}", paths::ADDRESSES);
        let answer: MailAddressAnswer = self.request(Method::GET, &path, Bytes::new()).await?;
        Ok(answer.known)
    }

    /// Stores a document of a mail: `POST /connector/mail/document`. Repeats change nothing.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn mail_document(
        &self,
        address: &str,
        id: &str,
        received: Timestamp,
        name: &str,
        content_type: &str,
        bytes: Bytes,
    ) -> Result<(), FunctionsError> {
        let received = received.millis().to_string();
        let query = query(&[
            ("address", address),
            ("id", id),
            ("received", &received),
            ("name", name),
            ("type", content_type),
        ]);
        let path = format!("{}?{query}", paths::MAIL_DOCUMENT);
        let _: IgnoredAny = self.request(Method::POST, &path, bytes).await?;
        Ok(())
    }

    /// Announces a mail whose documents are stored: `POST /connector/mail`. Repeats change nothing.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn mail(&self, arrival: &MailArrival) -> Result<(), FunctionsError> {
        let _: IgnoredAny = self
            .request(Method::POST, paths::MAIL, to_json(arrival)?)
            .await?;
        Ok(())
    }

    /// Reports the outcome of a mail: `POST /connector/mail/outcome`. Repeats change nothing.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn mail_outcome(&self, outcome: &MailOutcome) -> Result<(), FunctionsError> {
        let _: IgnoredAny = self
            .request(Method::POST, paths::MAIL_OUTCOME, to_json(outcome)?)
            .await?;
        Ok(())
    }

    /// Has due digests created, which then are in the outbox: `POST /connector/notifications`.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn digests(&self) -> Result<usize, FunctionsError> {
        let answer: DigestsAnswer = self
            .request(Method::POST, paths::NOTIFICATIONS, Bytes::new())
            .await?;
        Ok(answer.queued)
    }
}

fn query(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}
