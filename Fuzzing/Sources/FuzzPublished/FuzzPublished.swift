import FuzzKit
import Ledger
import WireProtocol

/// `result.json` and `progress.json`, which winners-service reads while another program writes them.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPublished(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let mode = input.choice(3)
    var bytes = input.rest()
    if mode == 0 {
        guard let progress = DrawProgress(fileBytes: bytes) else { return 0 }
        require(DrawProgress(fileBytes: progress.fileBytes) == progress, "\(progress) differs when it is read again")
        return 0
    }
    if mode == 1 {
        // Adds a valid checksum, so that the content is parsed.
        let digest = hexadecimal(SHA256.hash(data: bytes))
        bytes = Array("{\"sha256\":\"\(digest)\",\"result\":".utf8) + bytes + Array("}\n".utf8)
    }
    guard let result = try? DrawResult(fileBytes: bytes) else { return 0 }
    guard let again = try? DrawResult(fileBytes: result.fileBytes) else {
        violated("a result cannot be read again: \(result)")
    }
    require(again == result, "\(result) is \(again) when it is read again")
    return 0
}
