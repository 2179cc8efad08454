import FuzzKit
import Ledger

private let sealed = DamagedLedger(.sealed)
private let open = DamagedLedger(.open)
private let headerBlock = SmallLedger.header.block

/// Damage to a valid ledger, a ledger of forged records, bytes after a valid header, or any bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLedger(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    switch input.choice(6) {
    case 0, 1:
        var ledger = sealed
        ledger.damage(&input)
        ledger.check()
    case 2:
        var ledger = open
        ledger.damage(&input)
        ledger.check()
    case 3, 4:
        ForgedLedger(&input).check()
    default:
        let hasHeader = input.byte() & 1 == 0
        let bytes = input.rest()
        _ = try? LedgerContents(reading: SmallLedger.path, on: MemoryDisk(hasHeader ? headerBlock + bytes : bytes))
    }
    return 0
}
