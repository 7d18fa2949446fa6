//! WebSocket frames, and the few fields of LetsApp's JSON that the load client reads.

use std::io;

/// Frame from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// Text, which is a JSON object.
    Text(&'a [u8]),
    /// Ping, to be answered with the same bytes.
    Ping(&'a [u8]),
    /// Pong, to be ignored.
    Pong,
    /// End of the connection, with the server's close code.
    Close(u16),
}

/// Content of a text frame, as far as the load needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Success of the request with this number.
    Ok(u64),
    /// Refusal of the request with this number.
    Refused(u64),
    /// Event `message.created` of a user's message, with its `seq`.
    Created(u64),
    /// Event `hello`, the first on every socket.
    Hello,
    /// Any other event.
    Other,
}

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Appends a text frame made of `parts`.
pub(crate) fn write_text(out: &mut Vec<u8>, parts: &[&[u8]]) {
    write(out, TEXT, parts);
}

/// Appends the pong for a ping.
pub(crate) fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, &[payload]);
}

/// Returns the first frame in `bytes` with its length, or `None` while it is incomplete.
///
/// # Errors
/// Fails on frames that LetsApp never sends: masked, fragmented, binary.
pub(crate) fn read(bytes: &[u8]) -> io::Result<Option<(Frame<'_>, usize)>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (length, rest) = match second {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, rest)) => (u16::from_be_bytes(*length) as usize, rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, rest)) => (u64::from_be_bytes(*length) as usize, rest),
            None => return Ok(None),
        },
        length => (*length as usize, rest),
    };
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let frame = match first ^ FINAL {
        TEXT => Frame::Text(payload),
        PING => Frame::Ping(payload),
        PONG => Frame::Pong,
        CLOSE => Frame::Close(payload.first_chunk().map_or(1_005, |code| u16::from_be_bytes(*code))),
        _ => return Err(io::Error::other("a frame that LetsApp never sends")),
    };
    Ok(Some((frame, bytes.len() - rest.len() + length)))
}

/// Parses a text frame.
///
/// With the fields in the order in which the servers write them, the first bytes distinguish replies from events. In
/// any other order the frame is parsed as JSON, so that the order stays the server's choice.
///
/// # Errors
/// Fails if the frame is neither a reply nor an event.
pub(crate) fn parse(text: &[u8]) -> io::Result<Incoming> {
    if let Some(rest) = text.strip_prefix(br#"{"id":"#) {
        let (id, rest) = number(rest);
        if rest.starts_with(br#","ok":"#) {
            return Ok(Incoming::Ok(id));
        }
    } else if let Some(rest) = text.strip_prefix(br#"{"event":""#) {
        if let Some(data) = rest.strip_prefix(br#"message.created""#) {
            // A quote inside a string is escaped, so this can only be a field's name.
            let seq = after(data, br#""seq":"#).map(number);
            // The first message of a group is the system's, about the group's creation.
            if let Some((seq, _)) = seq.filter(|(seq, _)| *seq > 1) {
                return Ok(Incoming::Created(seq));
            }
        } else if !rest.starts_with(br#"hello""#) {
            return Ok(Incoming::Other);
        }
    }
    parse_any_order(text)
}

/// Writes a number with ten digits, so that frames of one kind have one length.
pub(crate) fn ten_digits(mut number: u64) -> [u8; 10] {
    let mut digits = [b'0'; 10];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// Appends a frame. Its mask is zero: masking protects proxies, of which there are none here, and zeros cost the server
/// as much as any other mask.
fn write(out: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(FINAL | opcode);
    match u16::try_from(length) {
        Ok(length @ ..126) => out.push(MASKED | length as u8),
        Ok(length) => {
            out.push(MASKED | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn parse_any_order(text: &[u8]) -> io::Result<Incoming> {
    let frame: serde_json::Value = serde_json::from_slice(text)?;
    match (frame["id"].as_u64(), frame["event"].as_str()) {
        (Some(id), _) if frame["ok"].is_object() => Ok(Incoming::Ok(id)),
        (Some(id), _) if frame["error"].is_object() => Ok(Incoming::Refused(id)),
        (_, Some("message.created")) if frame["data"]["kind"] == "system" => Ok(Incoming::Other),
        (_, Some("message.created")) => match frame["data"]["seq"].as_u64() {
            Some(seq) => Ok(Incoming::Created(seq)),
            None => Err(io::Error::other("a message without seq")),
        },
        (_, Some("hello")) => Ok(Incoming::Hello),
        (_, Some(_)) => Ok(Incoming::Other),
        _ => Err(io::Error::other(format!(
            "neither a reply nor an event: {}",
            String::from_utf8_lossy(text)
        ))),
    }
}

fn number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = text[..digits]
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    (number, &text[digits..])
}

fn after<'a>(text: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(pattern.len()).position(|window| window == pattern)?;
    Some(&text[at + pattern.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_split_wherever_the_network_cuts_them() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let mut bytes = vec![FINAL | TEXT];
            match length {
                ..126 => bytes.push(length as u8),
                126..65_536 => {
                    bytes.push(126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            bytes.extend(vec![b'x'; length]);
            for cut in [0, 1, 2, 3, bytes.len() - 1] {
                if cut < bytes.len() {
                    assert_eq!(read(&bytes[..cut]).expect("no error"), None);
                }
            }
            let whole = bytes.len();
            bytes.push(0);
            assert_eq!(
                read(&bytes).expect("a frame"),
                Some((Frame::Text(&bytes[whole - length..whole]), whole))
            );
        }
    }

    #[test]
    fn a_fragment_is_refused() {
        assert!(read(&[TEXT, 1, b'x']).is_err());
    }

    #[test]
    fn replies_and_events_are_told_apart_in_any_order_of_fields() {
        let cases: [(&str, Incoming); 10] = [
            (r#"{"id":1000000007,"ok":{"id":"x"}}"#, Incoming::Ok(1_000_000_007)),
            (r#"{"ok":{"id":"x"},"id":7}"#, Incoming::Ok(7)),
            (r#"{"id":7,"error":{"code":"conflict"}}"#, Incoming::Refused(7)),
            (
                r#"{"event":"message.created","data":{"body":"\"seq\":1","seq":42,"rev":43}}"#,
                Incoming::Created(42),
            ),
            (
                r#"{"data":{"seq":42},"event":"message.created"}"#,
                Incoming::Created(42),
            ),
            (
                r#"{"event":"message.created","data":{"rev":43, "seq": 42}}"#,
                Incoming::Created(42),
            ),
            (
                r#"{"event":"message.created","data":{"seq":1,"kind":"user"}}"#,
                Incoming::Created(1),
            ),
            (
                r#"{"event":"message.created","data":{"seq":1,"kind":"system"}}"#,
                Incoming::Other,
            ),
            (r#"{"event":"hello","data":{}}"#, Incoming::Hello),
            (r#"{"event":"receipt.updated","data":{}}"#, Incoming::Other),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()).expect(text), expected, "{text}");
        }
        assert!(parse(br#"{"what":1}"#).is_err());
    }

    #[test]
    fn numbers_keep_their_length() {
        assert_eq!(&ten_digits(1_000_000_007), b"1000000007");
    }
}
