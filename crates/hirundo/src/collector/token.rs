//! One-time tokens as text: what an operator hands to whoever sets up a sensor.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hirundo_packet::wire::{TOKEN_PREFIX, Token, VERSION};

/// A new token with a secret that nobody can foresee.
///
/// # Errors
/// When the system has no random bytes.
pub fn make(sensor: &str, centres: &[String], ca_sha256: &str) -> Result<Token> {
    let mut secret = [0; 32];
    super::random(&mut secret)?;
    Ok(Token {
        version: VERSION,
        centres: centres.to_vec(),
        sensor: sensor.to_owned(),
        ca_sha256: ca_sha256.to_owned(),
        secret: super::hex(&secret),
    })
}

/// The token as text.
///
/// # Errors
/// When it cannot be written as JSON, which no text in it can cause.
pub fn write(token: &Token) -> Result<String> {
    let json = serde_json::to_vec(token).context("could not write the token")?;
    Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(json)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_what_a_sensor_needs_and_no_two_are_alike() {
        let make = || make("jp-01", &["https://collector.example:4443".to_owned()], "00ff").unwrap();
        let (token, other) = (make(), make());
        assert_ne!(token.secret, other.secret);
        assert_eq!(token.secret.len(), 64);
        let text = write(&token).unwrap();
        let json = URL_SAFE_NO_PAD.decode(text.strip_prefix(TOKEN_PREFIX).unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Token>(&json).unwrap(), token);
    }
}
