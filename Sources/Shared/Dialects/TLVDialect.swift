package import Domain
package import WireProtocol

/// A binary, big-endian dialect of fields with tags, with a connection for each message.
///
/// It has no error answer: a rejected message closes the connection without an answer. Documents are u32 in its
/// answers, so a chunk with any other document is rejected.
///
/// Source: docs/dialects.md, "tlv".
package final class TLVDialect: Dialect {
    package let name = "tlv"
    package let isOneMessagePerConnection = true
    package let framing = Framing.counted(headerBytes: 5, isHeaderKept: true) { Int($0 & 0xFFFF_FFFF) }

    private enum Kind {
        static let chunk: UInt8 = 1
        static let consult: UInt8 = 2
        static let winners: UInt8 = 3
        static let wait: UInt8 = 4
    }

    private static let headerBytes = 5

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        var reader = ByteReader(frame)
        reader.skip(byteCount: Self.headerBytes)
        do throws(MessageFault) {
            switch frame[0] {
            case Kind.consult:
                let agency = AgencyID(try reader.readInteger())
                try reader.finish()
                return .consult(agency, .init(finishes: true, wait: .never))
            case Kind.chunk:
                return chunk(frame, &reader, today: today)
            default:
                throw .unknownType(frame[0])
            }
        } catch {
            return .unknown(reason: "\(error)")
        }
    }

    /// Whether an answer can reproduce a document: it is a u32 without leading zeros.
    private func isWritten(_ document: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: document, as: UTF8.self)
        return UInt32(text).map(String.init) == text
    }

    private func chunk(_ frame: [UInt8], _ reader: inout ByteReader, today: Birthdate) -> DialectRequest {
        var builder = DialectChunkBuilder(today: today)
        do throws(MessageFault) {
            let agency: UInt32 = try reader.readInteger()
            _ = builder.name(Array(String(agency).utf8).span)
            while reader.remainingBytes > 0 { try bet(frame, &reader, &builder) }
        } catch {
            builder.fault("\(error)")
        }
        return builder.request()
    }

    private func bet(
        _ frame: [UInt8], _ reader: inout ByteReader, _ builder: inout DialectChunkBuilder
    ) throws(MessageFault) {
        let length = Int(try reader.readInteger(UInt32.self))
        guard length <= reader.remainingBytes else { throw .truncated(atByte: frame.count) }
        let end = reader.index + length
        var fields = TextFields()
        while reader.index < end {
            let tag: UInt8 = try reader.readInteger()
            let byteCount = Int(try reader.readInteger(UInt16.self))
            guard Int(tag) == fields.count + 1, reader.index + byteCount <= end else { break }
            fields.append(reader.index..<reader.index + byteCount)
            reader.skip(byteCount: byteCount)
        }
        if fields.count != 5 || reader.index != end {
            builder.fault("the bet must consist of the tags 1 to 5 with their values")
        } else if !isWritten(frame[fields.ranges[2]]) {
            builder.fault("the document is not a u32 without leading zeros: this dialect cannot send it as a winner")
        } else {
            builder.append(.init(frame.span, fields))
        }
        reader.skip(byteCount: end - reader.index)
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) {
        switch reply {
        case .stored:
            bytes.append(counted: "OK\n")
        case .notDrawnYet:
            bytes.append(Kind.wait)
            bytes.append(bigEndian: UInt32(0))
        case .rejected, .finished, .drawn, .echo:
            break  // the dialect cannot express them
        }
    }

    package func next(after reply: DialectReply) -> DialectReply.Next {
        switch reply {
        case .stored, .notDrawnYet: .closeWhenQuiet
        case .rejected, .finished, .drawn, .echo: .close
        }
    }

    package var nextAfterWinners: DialectReply.Next { .closeWhenQuiet }

    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? {
        // Other documents arrived through another dialect; half a list would be a wrong answer.
        guard areIntegers, let length = UInt32(exactly: 4 * count) else { return nil }
        var header = [Kind.winners]
        header.append(bigEndian: length)
        return .integers(header: header)
    }
}
