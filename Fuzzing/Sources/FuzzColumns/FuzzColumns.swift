import Domain
import FuzzKit
import WireProtocol

/// Builds columns of consistent lengths, of bets with any text.
private func built(_ input: inout FuzzInput) -> Chunk {
    var builder = BetColumnsBuilder()
    while !input.isAtEnd {
        let isDate = input.byte()
        let date = isDate & 1 == 0 ? input.integer(UInt32.self) : 19_000_101 + UInt32(input.integer(UInt16.self)) * 17
        let number = input.integer(UInt16.self) >> (isDate >> 1 & 3)
        builder.append(
            firstName: input.block().span, lastName: input.block().span, document: input.block().span,
            birthdate: Birthdate(packed: date), number: number)
    }
    return builder.takeChunk(sequence: 1, isLast: true)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzColumns(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    if input.byte() & 1 == 0 {
        let bets = Int(input.integer(UInt16.self))
        let bytes = input.rest()
        checkColumns(bytes.span, count: bets)
        return 0
    }
    let chunk = built(&input)
    let isAccepted = checkColumns(chunk.bets, count: chunk.count)
    let builderIsRight = (try? BetColumns(chunk.bets, count: chunk.count).checkLayout()) != nil
    require(builderIsRight, "the built columns of \(chunk.count) bets are inconsistent")
    if isAccepted {
        var builder = BetColumnsBuilder()
        for bet in BetColumns(chunk.bets, count: chunk.count).bets { builder.append(bet) }
        require(builder.takeChunk(sequence: 1, isLast: true) == chunk, "bets converted to text and back differ")
    }
    return 0
}
