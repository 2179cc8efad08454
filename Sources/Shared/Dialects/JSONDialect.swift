package import Domain
private import Foundation
private import NIOConcurrencyHelpers
package import WireProtocol

/// A dialect of JSON after a length of four bytes, with bets on one port and winners on another.
///
/// It has no error answer: a bad chunk closes the connection.
///
/// Source: docs/dialects.md, "json".
package final class JSONDialect: Dialect {
    package let name = "json"
    package let winnersName: String? = "jsonWinners"
    package let framing = Framing.counted(headerBytes: 4)

    private enum Kind {
        static let chunk = 1
        static let lastChunk = 2
        static let consult = 3
    }

    private struct Query: Decodable {
        var kind: Int
        var agency: String
        var payload: [String]?

        enum CodingKeys: String, CodingKey {
            case kind = "type_message"
            case agency, payload
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            kind = try values.decode(Int.self, forKey: .kind)
            if let number = try? values.decode(UInt32.self, forKey: .agency) {
                agency = String(number)
            } else {
                agency = (try? values.decode(String.self, forKey: .agency)) ?? ""
            }
            payload = try? values.decodeIfPresent([String].self, forKey: .payload)
        }
    }

    package init() {}

    /// Longer messages are parsed one at a time: parsing JSON takes memory of about 16 times its size.
    private static let longMessageBytes = 64 << 10
    private let longMessages = NIOLock()

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        if frame.count <= Self.longMessageBytes { return parse(frame, today: today) }
        return longMessages.withLock { parse(frame, today: today) }
    }

    private func parse(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        let query: Query
        do {
            query = try JSONDecoder().decode(Query.self, from: Data(frame))
        } catch {
            return .unknown(reason: "not JSON of the form {\"type_message\": 1, \"agency\": \"1\", \"payload\": […]}")
        }
        let agency = agencyID(Array(query.agency.utf8).span)
        switch query.kind {
        case Kind.chunk, Kind.lastChunk:
            var builder = DialectChunkBuilder(today: today)
            _ = builder.name(Array(query.agency.utf8).span)
            for row in query.payload ?? [] {
                let bytes = Array(row.utf8)
                let fields = bytes.span.fields(in: bytes.indices, separatedBy: ",")
                if fields.count == 5 {
                    builder.append(.init(bytes.span, fields))
                } else {
                    builder.fault("\(fields.count) fields; 5 are expected, separated by commas")
                }
            }
            return builder.request(
                isLast: query.kind == Kind.lastChunk,
                reason: query.payload == nil ? "the payload is not a list of strings" : nil)
        case Kind.consult:
            return .consult(agency, .init(wait: .always))
        default:
            return .unknown(reason: "type_message \(query.kind); 1, 2 or 3 is expected")
        }
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) {
        if case .stored = reply { bytes.append(counted: #"{"type_message": 1, "payload": null}"#) }
    }

    package func next(after reply: DialectReply) -> DialectReply.Next {
        if case .stored(isLast: false) = reply { .stay } else { .close }
    }

    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? {
        // Documents are letters and digits, so nothing needs an escape.
        let (opening, closing) = (Array(#"{"type_message": 2, "payload": ""#.utf8), Array(#""}"#.utf8))
        let length =
            opening.count + closing.count
            + WinnersForm.joinedBytes(count: count, documentsBytes: documentsBytes)
        guard let length = UInt32(exactly: length) else { return nil }
        var header: [UInt8] = []
        header.append(bigEndian: length)
        return .joined(header: header + opening, separator: UInt8(ascii: ","), trailer: closing)
    }
}
