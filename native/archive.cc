#include "error.h"
#include "steps.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace finegrain {

// Deterministic: no dates and no owners. Members without symbols that LLVM
// can read, such as assembly, are put in all the same.
Expected<Bytes> writeArchive(ArrayRef<ArchiveMember> Members) {
  std::vector<NewArchiveMember> NewMembers;
  NewMembers.reserve(Members.size());
  for (const ArchiveMember &Member : Members)
    NewMembers.emplace_back(MemoryBufferRef(Member.Content, Member.Name));
  Expected<std::unique_ptr<MemoryBuffer>> Archive = writeArchiveToBuffer(
      NewMembers, SymtabWritingMode::NormalSymtab, object::Archive::K_GNU,
      /*Deterministic=*/true, /*Thin=*/false,
      [](Error E) { consumeError(std::move(E)); });
  if (!Archive)
    return stepError("ARCHIVE_FAILED", Archive.takeError());
  return Bytes((*Archive)->getBufferStart(), (*Archive)->getBufferEnd());
}

} // namespace finegrain
