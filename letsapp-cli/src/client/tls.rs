//! The TLS configuration, used for both HTTP and WebSocket connections.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::Server;

/// Returns a configuration that trusts the authorities that browsers trust, and those installed on this computer.
pub(crate) fn config(server: &Server) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // Loading the certificates takes a while, and is of no use for a plain `http://` server.
    if server.is_secure() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
