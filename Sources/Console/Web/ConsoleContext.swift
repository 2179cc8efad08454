import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A request, with its peer.
struct ConsoleContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The peer's address and port.
    let peer: String

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        peer = source.channel.remoteAddress.map { "\($0.ipAddress ?? "unknown"):\($0.port ?? 0)" } ?? "unknown"
    }

    /// A form is some hundred bytes.
    var maxUploadSize: Int { Form.maxBytes }

    /// The draw of the address, and whether JSON is asked for.
    ///
    /// - Throws: ``PageFault/unknownDraw(_:)`` for a text that is not the name of a draw.
    func draw() throws(PageFault) -> (DrawID, isJSON: Bool) {
        let (name, isJSON) = name("draw")
        guard let draw = DrawID(name) else { throw .unknownDraw(name) }
        return (draw, isJSON)
    }

    /// The agency of the address, and whether JSON is asked for.
    ///
    /// - Throws: ``PageFault/unknownPage``.
    func agency() throws(PageFault) -> (AgencyID, isJSON: Bool) {
        let (name, isJSON) = name("agency")
        guard let number = UInt32(name), (1...Limits.maxAgencies).contains(number) else { throw .unknownPage }
        return (AgencyID(number), isJSON)
    }

    private func name(_ parameter: String) -> (String, isJSON: Bool) {
        let text = parameters.get(parameter)?.removingPercentEncoding ?? ""
        return text.hasSuffix(".json") ? (String(text.dropLast(5)), true) : (text, false)
    }
}

/// A page that cannot be shown.
enum PageFault: Error, Equatable {
    case unknownPage
    case unknownDraw(String)
    case unknownAgency(AgencyID)
    /// bet-ingest does not answer, so it is not known.
    case unreachable
}

/// The fields of a form.
struct Form: Sendable {
    let fields: [String: String]
    static let maxBytes = 16 << 10

    /// See ``FormNumbers``; empty if it has none.
    var number: String { fields["form"] ?? "" }

    /// Reads a form; a field that is there twice has its last value.
    ///
    /// - Throws: for a form of more than 16 KiB.
    init(_ request: Request) async throws {
        let body = try await request.body.collect(upTo: Self.maxBytes)
        var fields: [String: String] = [:]
        for pair in String(buffer: body).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[Self.decoded(parts[0])] = parts.count > 1 ? Self.decoded(parts[1]) : ""
        }
        self.fields = fields
    }

    private static func decoded(_ text: Substring) -> String {
        text.replacing("+", with: " ").removingPercentEncoding ?? ""
    }
}

extension Response {
    init(_ text: String, type: String, status: HTTPResponse.Status = .ok) {
        self.init(bytes: Array(text.utf8), type: type, status: status)
    }

    init(bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) {
        self.init(status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    init(_ page: Page, status: HTTPResponse.Status = .ok) {
        self.init(page.html.text, type: "text/html; charset=utf-8", status: status)
    }

    /// - Throws: an `EncodingError`.
    init(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.init(bytes: Array(try encoder.encode(value)) + [UInt8(ascii: "\n")], type: "application/json")
    }
}
