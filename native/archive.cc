#include "error.h"
#include "steps.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/MemoryBufferRef.h"

using namespace llvm;

namespace finegrain {

// Deterministic: no dates and no owners.
Error writeArchive(raw_ostream &OS, ArrayRef<ArchiveMember> Members,
                   bool HasSymbolTable) {
  std::vector<NewArchiveMember> NewMembers;
  NewMembers.reserve(Members.size());
  for (const auto &[Name, Content] : Members) {
    if (Content.starts_with(ELF::ElfMagic))
      if (Error E = checkObject(Content))
        return E;
    NewMembers.emplace_back(MemoryBufferRef(Content, Name));
  }
  Error Failure = writeArchiveToStream(
      OS, NewMembers,
      HasSymbolTable ? SymtabWritingMode::NormalSymtab
                     : SymtabWritingMode::NoSymtab,
      object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false,
      /*IsEC=*/std::nullopt,
      // Members that LLVM finds no symbols in, such as assembly, are no fault.
      [](Error E) { consumeError(std::move(E)); });
  if (Failure)
    return stepError("ARCHIVE_FAILED", std::move(Failure));
  return Error::success();
}

} // namespace finegrain
