//! COPY BINARY, as far as the freeze writes it: rows of integers, bytes and arrays.

use sqlx::postgres::PgConnection;

use crate::StoreError;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// No flags, no extension of the header.
const FLAGS_AND_EXTENSION: [u8; 8] = [0; 8];
/// Instead of a number of fields: the end.
const TRAILER: [u8; 2] = (-1i16).to_be_bytes();
/// Instead of a field's length: it has no value.
const NULL: [u8; 4] = (-1i32).to_be_bytes();
/// An array of one dimension without nulls has these: dimensions, nulls.
const ONE_DIMENSION: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 0];
/// The type of an element of `int4[]`.
const INT4_OID: u32 = 23;
/// An array begins at this index.
const LOWER_BOUND: u32 = 1;
/// Bytes given to the connection at once.
const PIECE_BYTES: usize = 512 * 1024;

/// The rows of one COPY, built in memory.
pub(super) struct CopyRows {
    bytes: Vec<u8>,
}

impl CopyRows {
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes + SIGNATURE.len() + FLAGS_AND_EXTENSION.len());
        buffer.extend_from_slice(SIGNATURE);
        buffer.extend_from_slice(&FLAGS_AND_EXTENSION);
        Self { bytes: buffer }
    }

    /// Begins a row; so many fields have to follow.
    pub fn row(&mut self, fields: i16) {
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    pub fn integer(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
    }

    pub fn null(&mut self) {
        self.bytes.extend_from_slice(&NULL);
    }

    pub fn integers(&mut self, values: &[i32]) {
        self.length(ONE_DIMENSION.len() + 3 * size_of::<u32>() + values.len() * 8);
        self.bytes.extend_from_slice(&ONE_DIMENSION);
        for word in [INT4_OID, values.len() as u32, LOWER_BOUND] {
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
        for value in values {
            self.length(size_of::<i32>());
            self.bytes.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// Writes all rows into `columns` of a table, `table (column, column)`.
    pub async fn write(
        mut self,
        connection: &mut PgConnection,
        columns: &str,
    ) -> Result<u64, StoreError> {
        self.bytes.extend_from_slice(&TRAILER);
        let sql = format!("COPY {columns} FROM STDIN (FORMAT binary)");
        let mut copy = connection.copy_in_raw(&sql).await?;
        for piece in self.bytes.chunks(PIECE_BYTES) {
            copy.send(piece).await?;
        }
        Ok(copy.finish().await?)
    }

    /// Fields are far below 2 GiB: the largest is a chunk's keys.
    fn length(&mut self, bytes: usize) {
        self.bytes.extend_from_slice(&(bytes as u32).to_be_bytes());
    }
}
