/// Every fixed limit, with its arithmetic.
///
/// Limits that an operator may choose are in `ConfigurationKey`.
package enum Limits {
    // MARK: A bet

    /// A name's length is one byte on the wire and may not be 0.
    package static let maxNameBytes = 255
    package static let maxDocumentBytes = 20
    package static let maxNumber: UInt16 = 9999
    package static let minBirthdate = Birthdate(packed: 1900_01_01)
    /// Bytes of a bet without its text: number 2 + birthdate 4 + three lengths of 1.
    package static let fixedBetBytes = 9
    /// 9 + 255 + 255 + 20 = 539.
    package static let maxBetBytes = fixedBetBytes + 2 * maxNameBytes + maxDocumentBytes

    // MARK: A frame

    /// The length field itself.
    package static let frameLengthBytes = 4
    /// Length 4 + type 1 + sequence 4 + count 2.
    package static let chunkOverheadBytes = frameLengthBytes + 7
    /// A count is 16 bits wide on the wire.
    package static let maxChunkBets = 65_535
    /// The smallest chunk limit that an operator may set must hold the largest bet: 11 + 539 = 550 < 1024.
    package static let minFrameBytes = 1024
    /// The largest frame an operator may allow.
    ///
    /// With a record's and a group's header it must fit a commit group: 4 MiB + 36 + 48 < 8 MiB.
    package static let maxFrameBytesCeiling = 4 << 20
    /// Frames to the winners' port are HELLO (type 1, version 1, agency 4, two strings of 1 + 255 at most: 518) and
    /// CONSULT (5).
    package static let maxConsultFrameBytes = 1024
    /// The most one read takes from a socket of the winners' port: a whole frame, and 113 consultations of 9 bytes, whose
    /// answers wait in memory together.
    package static let maxConsultReadBytes = 1024
    /// An INFORM_AGENCY_WINNERS frame: a long list of winners travels as several frames with `more` set, so that an
    /// agency never needs more than this for one.
    package static let maxInformFrameBytes = 64 << 10
    /// A consultation is parked no longer than this, whatever it asks for: a peer that has silently gone is found out.
    package static let maxWaitMilliseconds: UInt32 = 600_000

    // MARK: Names

    package static let maxDrawNameBytes = 64
    package static let maxReasonBytes = 1024

    // MARK: The ledger

    /// What O_DIRECT asks for on every disk in use, and the unit that a group is padded to.
    package static let blockBytes = 4096
    /// One commit group, its header and padding included: what recovery and every reader hold in memory.
    package static let maxGroupBytes = 8 << 20
    /// Space is preallocated in steps of the ledger's own size between these two, so that a small ledger stays
    /// small and a large one grows in few steps.
    package static let minPreallocationBytes = 1 << 20
    package static let maxPreallocationBytes = 64 << 20

    // MARK: A connection's memory

    /// What must arrive of a frame within two seconds for it to keep its memory while others wait: a link of 128 kbit/s
    /// carries it.
    package static let minProgressBytes = 32 << 10

    /// The first part of a frame of a dialect, reserved without waiting: its agencies do not say HELLO, so an announced
    /// length alone must not take memory from others.
    ///
    /// It holds the largest message of `tlv`, 8,198 bytes.
    package static let firstFrameBytes = 9 << 10

    /// The most one read takes from a socket.
    ///
    /// The bytes of it that are not yet framed belong to no reservation, so the ingest service needs at most
    /// `bufferBytes` + connections × (this + `firstFrameBytes` + 3.1 KB), and what docs/operations.md adds.
    package static let maxReadBytes = 128 << 10
}
