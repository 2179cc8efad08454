package import Domain
package import Ledger

/// A request on a control socket: one JSON object a line, whose only key is the name, for example
/// `{"draw.close":{"id":"2026-12-24-nocturna"}}`.
package enum ControlRequest: Equatable, Sendable {
    /// The state of one draw with its agencies; nil: the draw that closes next.
    case status(DrawID?)
    case draws
    /// The samples of the service.
    case metrics
    case open(DrawID, cutOff: Instant?, number: DrawTerms.NumberSource)
    case close(DrawID)
    case moveCutOff(DrawID, to: Instant)
    case enterNumber(DrawID, UInt16)
    case makeVoid(DrawID, reason: String)

    /// Whether the request changes something, so that only operators may send it.
    package var isCommand: Bool {
        switch self {
        case .status, .draws, .metrics: false
        case .open, .close, .moveCutOff, .enterNumber, .makeVoid: true
        }
    }
}

extension ControlRequest: Codable {
    private enum Name: String, CodingKey, CaseIterable {
        case status, draws, metrics
        case open = "draw.open"
        case close = "draw.close"
        case cutOff = "draw.cut-off"
        case number = "draw.number"
        case void = "draw.void"
    }

    /// The fields of all requests.
    private struct Fields: Codable {
        var id: DrawID?
        var cutOff: Instant?
        var number: UInt16?
        var source: DrawTerms.NumberSource?
        var reason: String?
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Name.self)
        guard values.allKeys.count == 1, let name = values.allKeys.first else {
            let names = Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: "one key is expected: \(names)"))
        }
        let fields = try values.decode(Fields.self, forKey: name)
        func required<Value>(_ value: Value?, _ key: String) throws -> Value {
            if let value { return value }
            throw DecodingError.dataCorrupted(
                .init(codingPath: [name], debugDescription: "\(name.rawValue) needs \(key)"))
        }
        switch name {
        case .status: self = .status(fields.id)
        case .draws: self = .draws
        case .metrics: self = .metrics
        case .open:
            self = .open(try required(fields.id, "id"), cutOff: fields.cutOff, number: fields.source ?? .entered)
        case .close: self = .close(try required(fields.id, "id"))
        case .cutOff: self = .moveCutOff(try required(fields.id, "id"), to: try required(fields.cutOff, "cutOff"))
        case .number:
            let number = try required(fields.number, "number")
            guard number <= Limits.maxNumber else {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: [name],
                        debugDescription: "number is \(number); 0 to \(Limits.maxNumber) is expected"))
            }
            self = .enterNumber(try required(fields.id, "id"), number)
        case .void: self = .makeVoid(try required(fields.id, "id"), reason: try required(fields.reason, "reason"))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Name.self)
        switch self {
        case .status(let id): try values.encode(Fields(id: id), forKey: .status)
        case .draws: try values.encode(Fields(), forKey: .draws)
        case .metrics: try values.encode(Fields(), forKey: .metrics)
        case .open(let id, let cutOff, let source):
            try values.encode(Fields(id: id, cutOff: cutOff, source: source), forKey: .open)
        case .close(let id): try values.encode(Fields(id: id), forKey: .close)
        case .moveCutOff(let id, let cutOff): try values.encode(Fields(id: id, cutOff: cutOff), forKey: .cutOff)
        case .enterNumber(let id, let number): try values.encode(Fields(id: id, number: number), forKey: .number)
        case .makeVoid(let id, let reason): try values.encode(Fields(id: id, reason: reason), forKey: .void)
        }
    }
}
