//! WebSocket frames and the few fields of LetsApp's JSON that the load client reads.

use std::io;

/// A frame from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A JSON object.
    Text(&'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// Nothing to do.
    Pong,
    /// The server is done, for this reason.
    Close(u16),
}

/// What a text frame says, as far as the load cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The request with this number succeeded.
    Ok(u64),
    /// The request with this number was refused.
    Refused(u64),
    /// `message.created` of what somebody said, with its `seq`.
    Created(u64),
    /// `hello`.
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

/// Appends the answer to a ping.
pub(crate) fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, &[payload]);
}

/// Splits the first frame off `bytes`: the frame and its length, or `None` while it is incomplete.
///
/// # Errors
/// When it is one that LetsApp does not send: masked, fragmented, binary.
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
        _ => return Err(io::Error::other("a frame that LetsApp does not send")),
    };
    Ok(Some((frame, bytes.len() - rest.len() + length)))
}

/// Reads a text frame.
///
/// The first bytes tell replies from events, in the order of fields that servers write; in any other order the frame
/// is parsed whole, so that the order stays the server's choice.
///
/// # Errors
/// When it is none of the three shapes.
pub(crate) fn said(text: &[u8]) -> io::Result<Said> {
    if let Some(rest) = text.strip_prefix(br#"{"id":"#) {
        let (id, rest) = number(rest);
        if rest.starts_with(br#","ok":"#) {
            return Ok(Said::Ok(id));
        }
    } else if let Some(rest) = text.strip_prefix(br#"{"event":""#) {
        if let Some(data) = rest.strip_prefix(br#"message.created""#) {
            // A quote inside a string is escaped, so this is a field's name wherever it stands.
            let seq = after(data, br#""seq":"#).map(number);
            // The first one may be the group's own, which tells that it was made.
            if let Some((seq, _)) = seq.filter(|(seq, _)| *seq > 1) {
                return Ok(Said::Created(seq));
            }
        } else if !rest.starts_with(br#"hello""#) {
            return Ok(Said::Other);
        }
    }
    said_whole(text)
}

/// Appends a number of ten digits: frames of one kind have one length.
pub(crate) fn ten_digits(mut number: u64) -> [u8; 10] {
    let mut digits = [b'0'; 10];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// The mask is zero: masking protects proxies, of which there are none here, and the server unmasks all the same.
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

fn said_whole(text: &[u8]) -> io::Result<Said> {
    let frame: serde_json::Value = serde_json::from_slice(text)?;
    match (frame["id"].as_u64(), frame["event"].as_str()) {
        (Some(id), _) if frame["ok"].is_object() => Ok(Said::Ok(id)),
        (Some(id), _) if frame["error"].is_object() => Ok(Said::Refused(id)),
        (_, Some("message.created")) if frame["data"]["kind"] == "system" => Ok(Said::Other),
        (_, Some("message.created")) => match frame["data"]["seq"].as_u64() {
            Some(seq) => Ok(Said::Created(seq)),
            None => Err(io::Error::other("a message without seq")),
        },
        (_, Some("hello")) => Ok(Said::Hello),
        (_, Some(_)) => Ok(Said::Other),
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
        let cases: [(&str, Said); 10] = [
            (r#"{"id":1000000007,"ok":{"id":"x"}}"#, Said::Ok(1_000_000_007)),
            (r#"{"ok":{"id":"x"},"id":7}"#, Said::Ok(7)),
            (r#"{"id":7,"error":{"code":"conflict"}}"#, Said::Refused(7)),
            (
                r#"{"event":"message.created","data":{"body":"\"seq\":1","seq":42,"rev":43}}"#,
                Said::Created(42),
            ),
            (r#"{"data":{"seq":42},"event":"message.created"}"#, Said::Created(42)),
            (
                r#"{"event":"message.created","data":{"rev":43, "seq": 42}}"#,
                Said::Created(42),
            ),
            (
                r#"{"event":"message.created","data":{"seq":1,"kind":"user"}}"#,
                Said::Created(1),
            ),
            (
                r#"{"event":"message.created","data":{"seq":1,"kind":"system"}}"#,
                Said::Other,
            ),
            (r#"{"event":"hello","data":{}}"#, Said::Hello),
            (r#"{"event":"receipt.updated","data":{}}"#, Said::Other),
        ];
        for (text, expected) in cases {
            assert_eq!(said(text.as_bytes()).expect(text), expected, "{text}");
        }
        assert!(said(br#"{"what":1}"#).is_err());
    }

    #[test]
    fn numbers_keep_their_length() {
        assert_eq!(&ten_digits(1_000_000_007), b"1000000007");
    }
}
