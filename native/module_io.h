// Reading and writing one module, the same way in every step.

#ifndef FINEGRAIN_MODULE_IO_H
#define FINEGRAIN_MODULE_IO_H

#include "steps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <memory>

namespace finegrain {

// Collects the errors that LLVM reports through a context. Nothing is printed.
class Diagnostics {
public:
  explicit Diagnostics(llvm::LLVMContext &Context);
  bool hasErrors() const { return !Text.empty(); }
  llvm::StringRef text() const { return Text; }

private:
  std::string Text;
};

llvm::Expected<std::unique_ptr<llvm::Module>>
parseModule(llvm::StringRef Bitcode, llvm::LLVMContext &Context);

// Fails, in LLVM's words, where what is loaded of M is not sound.
llvm::Error verify(const llvm::Module &M);

// Without LLVM's own symbol table for linkers, which no step reads.
Bytes writeModule(const llvm::Module &M);

} // namespace finegrain

#endif
