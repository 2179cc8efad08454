import Domain
import Ledger
import ReplicatedLedger
import Shell
import Storage

// The documents that a node takes over from the others.

extension DrawLifecycle {
    /// Takes a document that a node has stored; ours too.
    ///
    /// - Throws: ``LedgerError``, ``DiskError``, ``DrawDocumentError``.
    mutating func take(_ name: String, _ bytes: [UInt8]) throws {
        let path = EngineDocuments.origin(name, of: draw.id)
        switch name {
        case DrawEnd.name:
            if let end = DrawEnd(bytes), end.ledgerID == ledgerText { try take(end) }
        case WinningNumber.name:
            try take(try WinningNumber(fileBytes: bytes, of: draw.id, path: path))
        case VoidDraw.name:
            let void = try VoidDraw(fileBytes: bytes, of: draw.id, path: path)
            guard state != .void, state != .published, void.ledgerID == ledgerText else { return }
            try void.write(to: folder, on: office.disk)
            try setVoid(void)
        default:
            break
        }
    }

    private mutating func take(_ end: DrawEnd) throws {
        guard let stream = draw.stream else { return }
        if end.order == nil, let cutOff = end.cutOff, let user = end.movedBy, cutOff != lastCutOff {
            let move = CutOffMove(
                draw: draw.id, ledgerID: ledgerText, cutOff: cutOff, movedBy: user, movedAt: office.now)
            try move.write(to: folder, on: office.disk)
            try recordMove(to: cutOff, by: user)
        }
        stream.adopt(end)
    }

    private mutating func take(_ number: WinningNumber) throws {
        guard number.ledgerID == ledgerText, state == .open || state == .sealed else { return }
        try number.write(to: folder, on: office.disk)
        try takeNumber()
    }

    /// Records that the messages of the draw contradict each other.
    ///
    /// - Throws: ``DiskError``.
    func damaged(_ reason: String) throws(DiskError) {
        var event = DrawEvent(.damageFound, draw: draw.id, time: office.now)
        event.reason = reason
        try office.events.append(event)
        office.log(.streamDamaged(draw.id, reason: reason))
    }
}
