//! As much of an IRC server as one client needs that joins, speaks, reacts, deletes and leaves.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Another user, who receives messages.
pub(crate) const SOMEBODY: &str = "bob";

const NAME: &str = "irc.test";

const CAPS: &str =
    "batch draft/message-redaction echo-message labeled-response message-tags server-time";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { address, task }
    }
}

/// Serves until the client is gone.
async fn serve(stream: TcpStream) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut nick, mut count) = (String::new(), 0);
    while let Some(line) = lines.next_line().await.ok()? {
        let (tags, line) = match line.strip_prefix('@') {
            Some(line) => line.split_once(' ')?,
            None => ("", line.as_str()),
        };
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let first = rest.split(' ').next().unwrap_or_default();
        let from = format!(":{nick}!{nick}@somewhere");
        let answers = match command {
            "CAP" if first == "LS" => vec![format!(":{NAME} CAP * LS :{CAPS}")],
            "CAP" if first == "REQ" => {
                let list = rest.trim_start_matches("REQ ").trim_start_matches(':');
                vec![format!(":{NAME} CAP * ACK :{list}")]
            }
            "NICK" => {
                first.clone_into(&mut nick);
                Vec::new()
            }
            "USER" => vec![
                format!(":{NAME} 001 {nick} :Welcome"),
                format!(
                    ":{NAME} 005 {nick} CASEMAPPING=ascii CHANTYPES=# PREFIX=(ov)@+ :are supported"
                ),
                format!(":{NAME} 422 {nick} :No MOTD"),
            ],
            "PING" => vec![format!(":{NAME} PONG {NAME} {rest}")],
            // With the label and the tags of the client, as servers echo.
            "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" => {
                count += 1;
                vec![format!("@msgid=m{count};{tags} {from} {line}")]
            }
            "JOIN" => vec![
                labelled(tags, &format!("{from} JOIN {first}")),
                format!(":{NAME} 353 {nick} = {first} :{nick} {SOMEBODY}"),
                format!(":{NAME} 366 {nick} {first} :End of /NAMES list"),
            ],
            "PART" => vec![labelled(tags, &format!("{from} PART {first}"))],
            "TOPIC" => vec![labelled(tags, &format!("{from} TOPIC {rest}"))],
            "WHO" => vec![format!(":{NAME} 315 {nick} {first} :End of /WHO list")],
            "MODE" => vec![format!(":{NAME} 324 {nick} {first} +nt")],
            "QUIT" => return None,
            _ => Vec::new(),
        };
        for answer in answers {
            writer
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .ok()?;
        }
    }
    None
}

fn labelled(tags: &str, line: &str) -> String {
    match tags {
        "" => line.to_owned(),
        tags => format!("@{tags} {line}"),
    }
}
