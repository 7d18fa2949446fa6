//! The bare relay as a process of its own, so that its CPU time can be told from the client's.

use std::io::{self, Write};

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(
        io::stdout(),
        "bare-relay listening on http://{}",
        listener.local_addr()?
    )?;
    letsapp_benches::bare::relay::serve(listener).await
}
