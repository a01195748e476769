#include "error.h"
#include "steps.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace finegrain {

// Deterministic: no dates and no owners.
Expected<Bytes> writeArchive(ArrayRef<ArchiveMember> Members,
                             bool HasSymbolTable) {
  std::vector<Bytes> Renamed(Members.size());
  std::vector<NewArchiveMember> NewMembers;
  NewMembers.reserve(Members.size());
  for (size_t I = 0; I != Members.size(); ++I) {
    StringRef Content = Members[I].Content;
    if (!Members[I].LinkNames.empty()) {
      Expected<Bytes> Object = renameSymbols(Content, Members[I].LinkNames);
      if (!Object)
        return Object.takeError();
      Renamed[I] = std::move(*Object);
      Content = StringRef(Renamed[I].data(), Renamed[I].size());
    }
    NewMembers.emplace_back(MemoryBufferRef(Content, Members[I].Name));
  }
  Expected<std::unique_ptr<MemoryBuffer>> Archive = writeArchiveToBuffer(
      NewMembers,
      HasSymbolTable ? SymtabWritingMode::NormalSymtab
                     : SymtabWritingMode::NoSymtab,
      object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false,
      // Members that LLVM finds no symbols in, such as assembly, are no fault.
      [](Error E) { consumeError(std::move(E)); });
  if (!Archive)
    return stepError("ARCHIVE_FAILED", Archive.takeError());
  return Bytes((*Archive)->getBufferStart(), (*Archive)->getBufferEnd());
}

} // namespace finegrain
