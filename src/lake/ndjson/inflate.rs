//! Decompresses a file piece by piece: compressed chunks go in, bounded pieces of text come out.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::sniff::Compression;

/// How much text one call makes at least, if there is as much, and about at most.
const PIECE: usize = 256 * 1024;

/// A decompressor and the part of its input that it has not used.
pub(crate) struct Inflate {
    codec: Codec,
    input: Bytes,
}

enum Codec {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd { decoder: Box<Decoder<'static>>, space: Vec<u8>, frame_open: bool },
}

impl Inflate {
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        let codec = match compression {
            Compression::Plain => Codec::Plain,
            Compression::Gzip => Codec::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Compression::Zstd => Codec::Zstd {
                decoder: Box::new(Decoder::new()?),
                space: Vec::with_capacity(zstd::zstd_safe::DCtx::out_size()),
                frame_open: false,
            },
        };
        Ok(Self { codec, input: Bytes::new() })
    }

    /// Takes the next chunk; the one before must be used up.
    pub(crate) fn feed(&mut self, chunk: Bytes) {
        self.input = chunk;
    }

    /// Adds the next piece of text to `out`: whether more may come without a new chunk.
    pub(crate) fn pour(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let start = out.len();
        match &mut self.codec {
            Codec::Plain => {
                out.extend_from_slice(&self.input);
                self.input = Bytes::new();
            }
            Codec::Gzip(decoder) => {
                while !self.input.is_empty() && out.len() - start < PIECE {
                    let used = decoder.write(&self.input)?;
                    self.input = self.input.split_off(used.min(self.input.len()));
                    out.append(decoder.get_mut());
                }
            }
            Codec::Zstd { decoder, space, frame_open } => loop {
                if out.len() - start >= PIECE {
                    return Ok(true);
                }
                let mut source = InBuffer::around(&self.input);
                space.clear();
                let mut target = OutBuffer::around(space);
                let hint = decoder.run(&mut source, &mut target)?;
                let used = source.pos();
                *frame_open = hint != 0 && (*frame_open || used > 0);
                self.input = self.input.split_off(used.min(self.input.len()));
                out.extend_from_slice(space);
                if hint == 0 && !self.input.is_empty() {
                    decoder.reinit()?;
                } else if self.input.is_empty() && space.len() < space.capacity() {
                    break;
                } else if used == 0 && space.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the decompressor makes no progress"));
                }
            },
        }
        Ok(!self.input.is_empty())
    }

    /// Adds the last text to `out`; an error where the compressed data ends too early.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.codec {
            Codec::Plain => Ok(()),
            Codec::Gzip(decoder) => {
                let result = decoder.try_finish();
                out.append(decoder.get_mut());
                result
            }
            Codec::Zstd { frame_open: true, .. } => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the last zstd frame is incomplete"))
            }
            Codec::Zstd { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).unwrap()
    }

    fn inflate(compression: Compression, data: &[u8], chunk: usize) -> io::Result<Vec<u8>> {
        let mut inflate = Inflate::new(compression)?;
        let mut out = Vec::new();
        for part in data.chunks(chunk) {
            inflate.feed(Bytes::copy_from_slice(part));
            loop {
                let before = out.len();
                let more = inflate.pour(&mut out)?;
                assert!(out.len() - before <= 2 * PIECE, "a piece is bounded");
                if !more {
                    break;
                }
            }
        }
        inflate.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn members_frames_and_chunks_of_any_size() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let zeros = vec![b'0'; 5_000_000];
        for chunk in [1, 7, 1000, 1 << 20] {
            let text = if chunk < 10 { text.get(..5000).unwrap() } else { &text };
            for (compression, pack) in
                [(Compression::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Compression::Zstd, zstd as fn(&[u8]) -> Vec<u8>)]
            {
                let two = [pack(text), pack(b""), pack(&zeros)].concat();
                assert!(
                    inflate(compression, &two, chunk).unwrap() == [text, &zeros].concat(),
                    "{compression:?} {chunk}"
                );
                assert!(inflate(compression, two.get(..two.len() - 3).unwrap(), chunk).is_err());
                assert!(inflate(compression, &[&pack(text)[..], b"junk junk junk"].concat(), chunk).is_err());
            }
        }
    }
}
