package import Domain
import WireProtocol

/// The current day in all fuzzers.
package let today = Birthdate(packed: 20_251_121)

/// Compares the verdict of `BetColumns.check` with the rules, bet by bet.
///
/// - Returns: whether `BetColumns.check` accepted the columns.
@discardableResult
package func checkColumns(_ bytes: Span<UInt8>, count: Int) -> Bool {
    let columns = BetColumns(bytes, count: count)
    do throws(ChunkFault) {
        try columns.check(today: today)
    } catch {
        requireSameFault(error, columns)
        return false
    }
    var builder = BetColumnsBuilder()
    var cursor = BetTextCursor(columns)
    for bet in 0..<count {
        let text = cursor.next(columns, bet: bet)
        if let fault = fault(columns, text, bet) { violated("bet \(bet) of \(count) was accepted: \(fault)") }
        builder.append(
            firstName: bytes.extracting(text.firstName), lastName: bytes.extracting(text.lastName),
            document: bytes.extracting(text.document), birthdate: columns.birthdate(at: bet),
            number: columns.number(at: bet))
    }
    let again = builder.takeChunk(sequence: 0, isLast: false)
    let isSame = bytes.withUnsafeBufferPointer { again.frame[Chunk.betsIndex...].elementsEqual($0) }
    require(isSame, "the columns of \(count) bets have other bytes when written again")
    return true
}

/// Checks that a rejection names the first bet that the rules reject, and their reason.
private func requireSameFault(_ found: ChunkFault, _ columns: borrowing BetColumns) {
    guard case .bet(let index, let reason) = found else { return }
    var cursor = BetTextCursor(columns)
    for bet in 0...index {
        let text = cursor.next(columns, bet: bet)
        let expected = fault(columns, text, bet)
        let isRight = bet < index ? expected == nil : expected == reason
        require(isRight, "bet \(bet): \(found) was reported, the rules say \(expected.map { "\($0)" } ?? "nothing")")
    }
}

private func fault(_ columns: borrowing BetColumns, _ text: BetText, _ bet: Int) -> BetFault? {
    do throws(BetFault) {
        try BetRules.check(name: columns.bytes.extracting(text.firstName), .first)
        try BetRules.check(name: columns.bytes.extracting(text.lastName), .last)
        try BetRules.check(document: columns.bytes.extracting(text.document))
        try BetRules.check(birthdate: columns.birthdate(at: bet), today: today)
        try BetRules.check(number: UInt32(columns.number(at: bet)))
        // The rules for columns decide whole bytes at once; decoding each character must agree.
        for range in [text.firstName, text.lastName] {
            let name = columns.string(range)
            require(name.utf8.count == range.count, "\(shown(Array(name.utf8))) was accepted as UTF-8")
        }
        return nil
    } catch {
        return error
    }
}
