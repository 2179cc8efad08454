import Domain
import FuzzKit
import Ledger
import WireProtocol

private let draw = DrawID("default")

/// Returns the frame as this program writes it, where a reader accepts more; nil if it cannot be compared.
private func canonical(_ message: Message, _ frame: [UInt8]) -> [UInt8]? {
    var frame = frame
    switch message {
    case .welcome(let welcome):
        if frame[27] != 0 { frame[27] = 1 }
        if let stream = welcome.stream {
            let record = frame.count - 12 - (welcome.time == nil ? 0 : 16)
            frame[record] = stream.lastChunk.rawValue
            if frame[record + 7] != 0 {
                frame[record + 7] = 1
            } else {
                frame.replaceSubrange(record + 8..<record + 12, with: [0, 0, 0, 0])
            }
        }
    case .winners:
        if frame[3] != 0 { frame[3] = 1 }
    case .hello(let hello) where !Message.versions.contains(hello.version):
        return nil
    case .error(_, let text) where text.utf8.count > Limits.maxReasonBytes:
        return nil
    case .chunkRejected(let rejected) where rejected.message.utf8.count > Limits.maxReasonBytes:
        return nil
    default: break
    }
    return frame
}

/// Splits a message into one without the text that may be truncated, and that text.
private func withoutReason(_ message: Message) -> (Message, String) {
    switch message {
    case .error(let code, let text):
        return (.error(code, ""), text)
    case .chunkRejected(var rejected):
        let text = rejected.message
        rejected.message = ""
        return (.chunkRejected(rejected), text)
    default:
        return (message, "")
    }
}

private func checkMessage(_ frame: [UInt8]) {
    guard let message = try? Message(frame: frame) else { return }
    let encoded = message.encoded
    let (frames, fault) = Framing.native.frames(in: encoded, maxFrameBytes: encoded.count)
    require(fault == nil && frames.count == 1, "\(message) is encoded as \(shown(encoded))")
    if let expected = canonical(message, frame) {
        require(frames[0] == expected, "\(shown(frame)) is \(shown(frames[0])) when it is written again")
    }
    guard let again = try? Message(frame: frames[0]) else { violated("\(message) cannot be read again") }
    let (first, reason) = withoutReason(message)
    let (second, read) = withoutReason(again)
    require(first == second, "\(message) is \(again) when it is read again")
    require(reason.utf8.starts(with: read.utf8), "the reason \(reason) is cut to \(read)")
    require(read.utf8.count <= Limits.maxReasonBytes, "a reason of \(read.utf8.count) bytes")
    require(reason.utf8.count > Limits.maxReasonBytes || reason == read, "the reason \(reason) is cut to \(read)")

    switch message {
    case .chunk(let chunk):
        checkColumns(chunk.bets, count: chunk.count)
    default: break
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessages(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let frame = input.rest()
    checkMessage(frame)
    if let seal = SealRecord(frame) {
        require(seal.bytes == frame, "a seal is \(shown(seal.bytes)) when it is written again")
    }
    if let rejection = RejectionRecord(frame, count: 2) {
        let bytes = rejection.bytes
        let isCut = rejection.message.utf8.count > Limits.maxReasonBytes
        require(isCut || bytes == frame, "a rejection is \(shown(bytes)) when it is written again")
        require(RejectionRecord(bytes, count: 2) != nil, "a rejection cannot be read again: \(shown(bytes))")
    }
    return 0
}
