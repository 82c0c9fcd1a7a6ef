//! Closes Socket.IO sessions without sockets: Socket.IO itself keeps them for as long as the client answers pings.
//!
//! A WebSocket is ended where its bytes are read ([`http_server::MessageBound`]). A polling session is closed here,
//! in the way its client could.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use socketioxide::service::SocketIoService;

use super::{NotFound, PATH};
use crate::sockets::places::{GRACE, Leavers, Places};

/// The Engine.IO packet that closes a session.
const CLOSE: &str = "1";

/// Closes polling sessions that no longer have a socket.
pub(crate) async fn close_left(
    places: Arc<Places>,
    mut leavers: Leavers,
    mut sockets: SocketIoService<NotFound>,
) {
    while let Some((id, left)) = leavers.recv().await {
        tokio::time::sleep_until(left + GRACE).await;
        if !places.is_over(&id) {
            continue;
        }
        let target = format!("{PATH}/?EIO=4&transport=polling&sid={id}");
        let request = Request::post(target).body(Full::new(Bytes::from_static(CLOSE.as_bytes())));
        if let Ok(request) = request {
            // Refused if the session is gone, or is a WebSocket.
            let _ = tower_service::Service::call(&mut sockets, request).await;
        }
    }
}
