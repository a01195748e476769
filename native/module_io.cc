#include "module_io.h"
#include "error.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace finegrain {

Diagnostics::Diagnostics(LLVMContext &Context) {
  Context.setDiagnosticHandlerCallBack(
      [](const DiagnosticInfo *Info, void *Self) {
        if (Info->getSeverity() != DS_Error)
          return;
        raw_string_ostream OS(static_cast<Diagnostics *>(Self)->Text);
        DiagnosticPrinterRawOStream Printer(OS);
        Info->print(Printer);
        OS << "\n";
      },
      this);
}

Expected<std::unique_ptr<Module>> parseModule(StringRef Bitcode,
                                              LLVMContext &Context) {
  Expected<std::unique_ptr<Module>> M =
      parseBitcodeFile(MemoryBufferRef(Bitcode, ""), Context);
  if (!M)
    return stepError("INVALID_INPUT", M.takeError());
  return M;
}

Bytes writeModule(const Module &M) {
  Bytes Buffer;
  BitcodeWriter Writer(Buffer);
  Writer.writeModule(M);
  Writer.writeStrtab();
  return Buffer;
}

} // namespace finegrain
